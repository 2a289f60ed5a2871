package dev.cleave.engine;

import dev.cleave.engine.memory.TablePages;
import java.lang.foreign.MemorySegment;

/**
 * Off-heap memory that page tables lie in.
 *
 * <p>It is one run of address space. Its first byte has a physical address that the caller chose,
 * so that what the engine writes into entries is what hardware, or a model of it, follows. Any
 * number of page tables, of either format, may share one memory.
 *
 * <p>Thread-safe. After {@link #close} an access to memory that this class reserved throws {@link
 * IllegalStateException}; memory that the caller provided stays reachable as long as the caller
 * keeps it.
 */
public final class TableMemory implements AutoCloseable {
  /** Where memory is backed page by page: more than anybody uses. */
  private static final long LAZY_CAPACITY_BYTES = 64L << 30;

  /** Where all of it is backed from the start. */
  private static final long EAGER_CAPACITY_BYTES = 64L << 20;

  private final TablePages pages;

  private TableMemory(TablePages pages) {
    this.pages = pages;
  }

  /** What a {@link TableMemory#builder} asks for. Belongs to one thread. */
  public static final class Builder {
    private long capacityBytes = isLazy() ? LAZY_CAPACITY_BYTES : EAGER_CAPACITY_BYTES;
    private long limitBytes = Long.MAX_VALUE;
    private long base = 1L << 32;
    private boolean hugePages;

    private Builder() {}

    /**
     * Address space to reserve. Where {@link TableMemory#isLazy} only what is used is ever backed
     * by memory, elsewhere all of it.
     *
     * @param bytes a positive multiple of 4096, by default 64 GiB, or 64 MiB where all is backed
     * @return this
     */
    public Builder capacityBytes(long bytes) {
      capacityBytes = bytes;
      return this;
    }

    /**
     * How much of the capacity may be in use at once.
     *
     * @param bytes a positive multiple of 4096, by default all
     * @return this
     */
    public Builder limitBytes(long bytes) {
      limitBytes = bytes;
      return this;
    }

    /**
     * Physical address of the first byte.
     *
     * @param paddr 4 KiB-aligned, by default 4 GiB
     * @return this
     */
    public Builder base(long paddr) {
      base = paddr;
      return this;
    }

    /**
     * Whether to ask the system for huge pages under the tables.
     *
     * @param wanted by default false
     * @return this
     */
    public Builder hugePages(boolean wanted) {
      hugePages = wanted;
      return this;
    }

    /**
     * Reserves the memory.
     *
     * @return memory with no page in use
     * @throws IllegalArgumentException if a size or address is not allowed
     * @throws OutOfMemoryError if the system, or where native access is denied the JDK, refuses
     */
    public TableMemory build() {
      long limit = Math.min(limitBytes, capacityBytes);
      return new TableMemory(TablePages.reserve(capacityBytes, limit, base, hugePages));
    }
  }

  /** {@return a description of memory to reserve, with everything at its default} */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Table memory in memory that the caller provides, such as a file shared with an emulator.
   *
   * @param memory the memory, a positive multiple of 4096 bytes of any content; it must outlive
   *     this object
   * @param base physical address of its first byte
   * @return memory with no page in use
   * @throws IllegalArgumentException if the size or address is not allowed, or its arena is closed
   */
  public static TableMemory over(MemorySegment memory, long base) {
    return new TableMemory(TablePages.over(memory, base, false));
  }

  /**
   * Attaches to tables that exist already, to read them with {@link PageTable#open}.
   *
   * @param image the memory that they lie in; it must outlive this object
   * @param base physical address of its first byte
   * @return memory that refuses every write
   * @throws IllegalArgumentException if the size or address is not allowed, or its arena is closed
   */
  public static TableMemory attach(MemorySegment image, long base) {
    return new TableMemory(TablePages.attach(image, base));
  }

  /**
   * Memory whose pages are given: for the tests and benchmarks of this project, which look between
   * two stores or plant faults. The type is not exported, so nobody else can call this.
   *
   * @param pages what it consists of
   * @return memory that closes the pages with itself
   */
  public static TableMemory of(TablePages pages) {
    return new TableMemory(pages);
  }

  /** What the engine works on. */
  TablePages tablePages() {
    return pages;
  }

  /**
   * {@return whether this memory is attached to an image: then there is no page to take and nothing
   * may be written}
   */
  public boolean isReadOnly() {
    return pages.isReadOnly();
  }

  /**
   * Whether a table page at this address lies in this memory.
   *
   * @param paddr physical address of a page
   * @return false for an address outside, or not aligned
   */
  public boolean holds(long paddr) {
    return pages.holds(paddr);
  }

  /**
   * {@return a read-only view of the capacity, used or not, for those who read tables as hardware
   * does} The first byte has address {@link #base}.
   */
  public MemorySegment view() {
    return pages.view();
  }

  /**
   * {@return a writable view of the capacity, for hardware, or a model of it, that sets accessed
   * and dirty bits in the entries} Capacity and base are those of {@link #view}. Whoever has it may
   * break any table: it is for those who change entries as a walker does, by atomic steps that set
   * bits of entries that are present.
   *
   * @throws IllegalStateException if the memory is attached to an image, or closed
   */
  public MemorySegment hardwareView() {
    return pages.hardwareView();
  }

  /** {@return physical address of the first byte, as chosen} */
  public long base() {
    return pages.base();
  }

  /** {@return bytes of address space, used or not} */
  public long capacityBytes() {
    return pages.capacityBytes();
  }

  /** {@return bytes of the pages taken and not yet put back} */
  public long usedBytes() {
    return pages.usedBytes();
  }

  /**
   * {@return the most bytes that were ever in use} Where threads took pages at the same time it is
   * what was seen now and then, to within a few pages a thread.
   */
  public long peakBytes() {
    return pages.peakBytes();
  }

  /**
   * Table pages in use at a level. All pages ever used are looked at.
   *
   * @param level hardware level, 1 to 6
   * @return number of pages
   */
  public long pages(int level) {
    return pages.pagesAt(level);
  }

  /**
   * Gives the memory of free pages back to the system.
   *
   * @return bytes given back; 0 where the system cannot
   */
  public long trim() {
    return pages.trim();
  }

  /** {@return bytes that are kept beside each page ever used, to manage it} */
  public static int metadataBytesPerPage() {
    return TablePages.metadataBytesPerPage();
  }

  /**
   * {@return whether memory is backed only when it is first touched; false where the portable
   * fallback is in use}
   */
  public static boolean isLazy() {
    return TablePages.isLazy();
  }

  /** {@return for a person: where it lies and how much of it is in use} */
  @Override
  public String toString() {
    return "TableMemory[base=0x%x, capacity=%d bytes, %s]"
        .formatted(
            base(),
            capacityBytes(),
            pages.isClosed()
                ? "closed"
                : isReadOnly() ? "attached to an image" : usedBytes() + " bytes in use");
  }

  /**
   * Gives everything back. Closing it again does nothing.
   *
   * @throws IllegalStateException if pages are still in use, which are then gone all the same
   */
  @Override
  public void close() {
    pages.close();
  }
}
