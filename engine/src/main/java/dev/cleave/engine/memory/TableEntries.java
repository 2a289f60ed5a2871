package dev.cleave.engine.memory;

import static dev.cleave.engine.format.Geometry.ENTRY_BYTES_LOG2;
import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;

import dev.cleave.engine.kernel.GatheredBits;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import java.lang.foreign.MemorySegment;

/**
 * What stands in off-heap table pages: the only way to touch it.
 *
 * <p>The memory is one run of address space. Its first byte has a physical address that the caller
 * chose, so that what the engine writes into entries is what hardware, or a model of it, follows. A
 * page is named by its physical address, a slot by that plus eight times its index; nothing here
 * knows what an entry means.
 *
 * <p>Thread-safe. The order of each access to a slot is in its name; what replaces or changes bits
 * of an entry in one step is a volatile access, and the bulk operations are plain loads and stores
 * of single words.
 */
public abstract sealed class TableEntries permits TablePages {
  private static final TableKernels KERNELS = Kernels.chosen();
  private static final long PADDR_END = 1L << 52;

  final Words words;
  final long base;
  private final long bytes;

  TableEntries(Words words, long base) {
    this.words = words;
    this.bytes = words.segment().byteSize();
    checkPlace(base, bytes);
    this.base = base;
  }

  TableEntries(TableEntries entries) {
    this.words = entries.words;
    this.bytes = entries.bytes;
    this.base = entries.base;
  }

  static void checkPlace(long base, long bytes) {
    if (base % PAGE_BYTES != 0 || base < 0 || base > PADDR_END - bytes) {
      throw new IllegalArgumentException(
          "table memory must be 4096-byte aligned and end at or below 2^52, base=0x%x, bytes=0x%x"
              .formatted(base, bytes));
    }
  }

  /**
   * Whether a table page at this address lies in this memory.
   *
   * @param paddr physical address of a page
   * @return false for an address outside, or not aligned
   */
  public final boolean holds(long paddr) {
    return paddr % PAGE_BYTES == 0 && paddr >= base && paddr - base <= bytes - PAGE_BYTES;
  }

  /**
   * Physical address of a slot.
   *
   * @param table physical address of its table
   * @param index 0 to 511
   * @return where its eight bytes lie
   */
  public static long slotAt(long table, int index) {
    return table + ((long) index << ENTRY_BYTES_LOG2);
  }

  /**
   * Loads an entry (acquire).
   *
   * @param slot physical address of the slot
   * @return its bits
   */
  public long loadAcquire(long slot) {
    return words.getAcquire(slot - base);
  }

  /**
   * Loads an entry (opaque) on a walk, whose next load is of what the entry points at. That such
   * loads come in order is what all hardware promises, so that none need acquire anything. A walk
   * ends in {@link TablePages#isStill} or in {@link TablePages#lock}, which order it before what
   * follows. Who has locked a table and wants no other than its own entries loads them so as well.
   *
   * @param slot physical address of the slot
   * @return its bits
   */
  public long loadOpaque(long slot) {
    return words.getOpaque(slot - base);
  }

  /**
   * Loads an entry (plain) on one of many walks that are under way together: the compiler may keep
   * in registers what they have in common (benchmark {@code RandomTranslate.batch}, 8M: 7.9 and 6.7
   * ns). In all else it is as {@link #loadOpaque}.
   *
   * @param slot physical address of the slot
   * @return its bits
   */
  public long loadPlain(long slot) {
    return words.getPlain(slot - base);
  }

  /**
   * Stores an entry (release): what was written to a table before is seen by who follows the entry.
   *
   * @param slot physical address of the slot
   * @param bits its new bits
   */
  public void storeRelease(long slot, long bits) {
    words.setRelease(slot - base, bits);
  }

  /**
   * Replaces an entry and returns what stood there, in one atomic step: bits that hardware set
   * until then are not lost.
   *
   * @param slot physical address of the slot
   * @param bits its new bits
   * @return its old bits
   */
  public long exchange(long slot, long bits) {
    return words.getAndSet(slot - base, bits);
  }

  /**
   * Replaces an entry if it is what the caller thinks, in one atomic step.
   *
   * @param slot physical address of the slot
   * @param expected what must stand there
   * @param bits its new bits
   * @return whether it was replaced
   */
  public boolean compareAndSet(long slot, long expected, long bits) {
    return words.compareAndSet(slot - base, expected, bits);
  }

  /**
   * Sets bits of an entry in one atomic step.
   *
   * @param slot physical address of the slot
   * @param bits the bits to set
   */
  public void or(long slot, long bits) {
    words.or(slot - base, bits);
  }

  /**
   * Clears bits of an entry in one atomic step.
   *
   * @param slot physical address of the slot
   * @param bits the bits to clear
   */
  public void clear(long slot, long bits) {
    words.clear(slot - base, bits);
  }

  /**
   * Writes consecutive entries as {@link TableKernels#fill} does.
   *
   * @param table physical address of the table
   * @param index of the first entry
   * @param count number of entries
   * @param first the first value
   * @param step from one value to the next
   * @param replicasLog2 logarithm of the entries that hold each value
   */
  public void fill(long table, int index, int count, long first, long step, int replicasLog2) {
    KERNELS.fill(words.segment(), slotAt(table, index) - base, count, first, step, replicasLog2);
  }

  /**
   * Writes zeros to consecutive entries.
   *
   * @param table physical address of the table
   * @param index of the first entry
   * @param count number of entries
   */
  public void zero(long table, int index, int count) {
    KERNELS.zero(words.segment(), slotAt(table, index) - base, count);
  }

  /**
   * Whether any of consecutive entries has a bit of a mask.
   *
   * @param table physical address of the table
   * @param index of the first entry
   * @param count number of entries
   * @param mask the bits to look at
   * @return false when all are without
   */
  public boolean anyHas(long table, int index, int count, long mask) {
    return KERNELS.anyHas(words.segment(), slotAt(table, index) - base, count, mask);
  }

  /**
   * Counts the entries that have any bit of a mask.
   *
   * @param table physical address of the table
   * @param index of the first entry
   * @param count number of entries
   * @param mask the bits to look at
   * @return 0 to {@code count}
   */
  public int countAny(long table, int index, int count, long mask) {
    return KERNELS.countAny(words.segment(), slotAt(table, index) - base, count, mask);
  }

  /**
   * Finds which of consecutive entries have a bit, as {@link TableKernels#gather} does.
   *
   * @param table physical address of the table
   * @param index of the first entry
   * @param count number of entries
   * @param mask the bit to look at
   * @param found gets a bit for each entry
   * @param place where in {@code found} that of the first entry goes, a multiple of 64
   */
  public void gather(long table, int index, int count, long mask, GatheredBits found, int place) {
    KERNELS.gather(words.segment(), slotAt(table, index) - base, count, mask, found, place);
  }

  /**
   * Finds which entries of two runs of tables have a bit, as {@link TableKernels#gatherTables}
   * does.
   *
   * @param first physical address of the first table of one run
   * @param second of the first table of the other
   * @param tables number of tables of each
   * @param mask the bit to look at
   * @param found gets a bit for each entry of both
   * @param firstPlace where in {@code found} those of the one run go
   * @param secondPlace where those of the other go
   */
  public void gatherTables(
      long first,
      long second,
      int tables,
      long mask,
      GatheredBits found,
      int firstPlace,
      int secondPlace) {
    KERNELS.gatherTables(
        words.segment(), first - base, second - base, tables, mask, found, firstPlace, secondPlace);
  }

  /**
   * Whether consecutive entries are a progression, as {@link TableKernels#progressionBits} sees it.
   *
   * @param table physical address of the table
   * @param index of the first entry
   * @param count number of entries
   * @param first value of the first entry
   * @param step from one value to the next
   * @param replicasLog2 logarithm of the entries that hold each value
   * @param ignored bits that do not matter
   * @return the ignored bits that any of them has, or {@link TableKernels#NO_PROGRESSION}
   */
  public long progressionBits(
      long table, int index, int count, long first, long step, int replicasLog2, long ignored) {
    return KERNELS.progressionBits(
        words.segment(), slotAt(table, index) - base, count, first, step, replicasLog2, ignored);
  }

  /**
   * ORs all entries of a table together.
   *
   * @param table physical address of the table
   * @return every bit that is set in any of them
   */
  public long orAll(long table) {
    return KERNELS.or(words.segment(), table - base, TABLE_ENTRIES);
  }

  // ---- the memory -----------------------------------------------------------------------------

  /**
   * {@return a read-only view of the capacity, used or not, for those who read tables as hardware
   * does} The first byte has address {@link #base}.
   */
  public final MemorySegment view() {
    return words.segment().asReadOnly();
  }

  /** {@return bytes of address space, used or not} */
  public final long capacityBytes() {
    return bytes;
  }

  /** {@return physical address of the first byte, as chosen} */
  public final long base() {
    return base;
  }
}
