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

/**
 * One of the tables that map the replayed guest's memory, in memory of its own, and what it has
 * come to. The processors' table lets the guest do everything, whatever its devices may.
 *
 * <p>Not thread-safe.
 */
final class GuestTable implements AutoCloseable {
  /** Far above the memory of an IOMMU table. */
  private static final long NESTED_BASE = ModelMachine.TABLE_BASE + (1L << 44);

  private static final int NESTED_LEVELS = 4;

  private final String name;
  private final boolean isNested;
  private final TableMemory memory;
  private final PageTable table;
  private final IotlbGather gather;
  private final LeafCursor cursor;
  private final FlushCounter flushes = new FlushCounter();
  private long gapBytes;

  private GuestTable(
      String name, boolean isNested, long base, long capacityBytes, PageTableConfig config) {
    this.name = name;
    this.isNested = isNested;
    memory = TableMemory.builder().capacityBytes(capacityBytes).base(base).build();
    table = PageTable.create(memory, config);
    gather = table.newGather();
    cursor = table.leaves();
  }

  /** An empty IOMMU table. */
  static GuestTable iommu(ReplayOptions options, long pageSizes) {
    return new GuestTable(
        "iommu",
        false,
        ModelMachine.TABLE_BASE,
        options.tableBytes(),
        PageTableConfig.of(AmdV1.LINUX).withLevels(options.levels()).withPageSizes(pageSizes));
  }

  /** An empty nested table; of the sizes it has those that its format knows. */
  static GuestTable nested(ReplayOptions options, long pageSizes) {
    return new GuestTable(
        "npt",
        true,
        NESTED_BASE,
        options.tableBytes(),
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
