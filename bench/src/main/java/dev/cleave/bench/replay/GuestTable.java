package dev.cleave.bench.replay;

import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import org.jspecify.annotations.Nullable;

/**
 * One of the tables that map the replayed guest's memory, in memory of its own, and what it has
 * come to. The processors' table lets the guest do everything, whatever its devices may.
 *
 * <p>Not thread-safe.
 */
final class GuestTable implements AutoCloseable {
  /** No table has more memory; the tables' memories lie so far apart. */
  static final int MOST_BYTES_LOG2 = 42;

  /** So many IOMMU tables have room below the end of all addresses, with the nested one. */
  static final int MOST_SPACES = 512;

  /** The nested table's memory lies at least so far above that of the first IOMMU table. */
  private static final long NESTED_OFFSET = 1L << 44;

  private static final int NESTED_LEVELS = 4;

  private final String name;
  private final boolean isNested;
  private final TableMemory memory;
  private final PageTable table;
  private final IotlbGather gather;
  private final LeafCursor cursor;
  private final @Nullable SharedMemory sharedMemory;
  private final FlushCounter flushes = new FlushCounter();
  private long gapBytes;

  private GuestTable(
      String name, boolean isNested, long base, ReplayOptions options, PageTableConfig config) {
    this.name = name;
    this.isNested = isNested;
    sharedMemory = options.isSharedInPlace() ? null : new SharedMemory(options.sharedBase());
    memory = TableMemory.builder().capacityBytes(options.tableBytes()).base(base).build();
    table = PageTable.create(memory, config);
    gather = table.newGather();
    cursor = table.leaves();
  }

  /**
   * An empty IOMMU table.
   *
   * @param index number of its address space, from 0
   */
  static GuestTable iommu(ReplayOptions options, long pageSizes, int index) {
    return new GuestTable(
        "iommu",
        false,
        ModelMachine.TABLE_BASE + ((long) index << MOST_BYTES_LOG2),
        options,
        PageTableConfig.of(AmdV1.LINUX).withLevels(options.levels()).withPageSizes(pageSizes));
  }

  /** An empty nested table; of the sizes it has those that its format knows. */
  static GuestTable nested(ReplayOptions options, long pageSizes) {
    long above = (long) options.spaces().size() << MOST_BYTES_LOG2;
    return new GuestTable(
        "npt",
        true,
        ModelMachine.TABLE_BASE + Math.max(NESTED_OFFSET, above),
        options,
        PageTableConfig.of(X86.LINUX)
            .withLevels(NESTED_LEVELS)
            .withPageSizes(pageSizes & X86.LINUX.leafSizes()));
  }

  /** {@code iommu} or {@code npt}. */
  String name() {
    return name;
  }

  PageTable table() {
    return table;
  }

  TableMemory memory() {
    return memory;
  }

  IotlbGather gather() {
    return gather;
  }

  /** Where its shared pages lie; null if they stay where they are. */
  @Nullable SharedMemory sharedMemory() {
    return sharedMemory;
  }

  FlushCounter flushes() {
    return flushes;
  }

  void map(long iova, long paddr, long length, int access, SizeRule rule) {
    table.map(iova, paddr, length, isNested ? Access.READ_WRITE : access, rule);
  }

  /** Takes out what is mapped of a range; returns how many bytes that was. */
  long takeOut(long iova, long length) {
    return cursor.over(iova, iova + length - 1).advance() ? table.unmap(iova, length, gather) : 0;
  }

  /** Flushes what the gather owes, and frees what waited for it. */
  void settle(IotlbFlush flush) {
    if (!gather.isEmpty()) {
      flush.flush(table, gather);
      gather.complete();
    }
  }

  /** Bytes that should have stayed mapped did not translate for a moment. */
  void addGap(long bytes) {
    gapBytes += bytes;
  }

  long gapBytes() {
    return gapBytes;
  }

  @Override
  public void close() {
    table.close();
    memory.close();
  }
}
