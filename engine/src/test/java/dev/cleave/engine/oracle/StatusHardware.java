package dev.cleave.engine.oracle;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.engine.oracle.SpecWalker.Slot;

/**
 * Hardware that sets status bits, in the same two places in both formats: in the entry that it
 * meets on the way from the top, in another replica of that leaf, or in an entry of a table that it
 * remembers from before.
 */
public final class StatusHardware {
  /** The accessed bit of both formats. */
  public static final long ACCESSED = 1L << 5;

  /** The dirty bit of both formats. */
  public static final long DIRTY = 1L << 6;

  private final TablePages pages;
  private final PageTable table;
  private final SpecWalker walker;

  /**
   * Hardware that nothing is cached in.
   *
   * @param pages the memory
   * @param table the table that it walks
   */
  public StatusHardware(TablePages pages, PageTable table) {
    this.pages = pages;
    this.table = table;
    this.walker = SpecWalker.of(pages, table);
  }

  /**
   * The leaf entry that a walk to an address meets.
   *
   * @param iova an address that is mapped
   * @return where the entry stands
   */
  public Slot slotOf(long iova) {
    return walker.slotOf(table, iova);
  }

  /**
   * The directory of a level that a walk to an address goes through.
   *
   * @param iova an address
   * @param directoryLevel hardware level of the table that the directory stands in
   * @return physical address of the slot
   */
  public long directoryOf(long iova, int directoryLevel) {
    long in = table.root();
    for (int level = table.levels(); ; level--) {
      long at = in + 8 * (iova >>> (12 + 9 * (level - 1)) & 511);
      if (level == directoryLevel) {
        return at;
      }
      in = pages.loadAcquire(at) & 0x000FFFFFFFFFF000L;
    }
  }

  private int replicas(Slot slot) {
    return walker.replicas(pages.loadAcquire(slot.paddr()), slot.level());
  }

  private static long firstReplica(Slot slot, int replicas) {
    return slot.paddr() & ~(8L * replicas - 1);
  }

  /**
   * Sets bits in the entry that a walk meets.
   *
   * @param iova an address that is mapped
   * @param bits {@link #ACCESSED}, {@link #DIRTY} or both
   */
  public void set(long iova, long bits) {
    pages.or(slotOf(iova).paddr(), bits);
  }

  /**
   * Sets bits in one of the slots that hold the same leaf as the one that a walk meets.
   *
   * @param iova an address that is mapped
   * @param which of the slots, taken round
   * @param bits {@link #ACCESSED}, {@link #DIRTY} or both
   */
  public void setInReplica(long iova, int which, long bits) {
    Slot met = slotOf(iova);
    long entry = pages.loadAcquire(met.paddr());
    int replicas = replicas(met);
    long at = firstReplica(met, replicas) + 8L * (which % replicas);
    boolean isSame = ((pages.loadAcquire(at) ^ entry) & ~(ACCESSED | DIRTY)) == 0;
    pages.or(isSame ? at : met.paddr(), bits);
  }

  /**
   * Sets bits where a walker that remembers the table of an entry finds it, if it is a leaf.
   *
   * @param slot where the entry was
   * @param bits {@link #ACCESSED}, {@link #DIRTY} or both
   * @return whether a leaf stands there
   */
  public boolean setRemembered(Slot slot, long bits) {
    long entry = pages.loadAcquire(slot.paddr());
    if ((entry & 1) == 0 || !walker.read(entry, slot.level()).isLeaf()) {
      return false;
    }
    pages.or(slot.paddr(), bits);
    return true;
  }

  /**
   * The status bits of the leaf around an address: those of any of its replicas.
   *
   * @param iova an address that is mapped
   * @return {@link #ACCESSED}, {@link #DIRTY}, both or 0
   */
  public long status(long iova) {
    Slot met = slotOf(iova);
    int replicas = replicas(met);
    long bits = 0;
    for (int i = 0; i < replicas; i++) {
      bits |= pages.loadAcquire(firstReplica(met, replicas) + 8L * i);
    }
    return bits & (ACCESSED | DIRTY);
  }
}
