package dev.cleave.bench.machine;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.iommu.Register;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;

/** A table of the engine under an IOMMU of the model, bound by registers and memory alone. */
final class TableOnModel implements AutoCloseable {
  static final long FAULT = -1;

  private static final long TABLES = 1L << 40;
  private static final long DEVICE_TABLE = 0x1000;
  private static final long COMMANDS = 0x2000;
  private static final long EVENTS = 0x10000;
  private static final long COMPLETION = 0x3000;
  private static final int DEVICE = 9;
  private static final int DOMAIN = 5;

  private final Arena arena = Arena.ofShared();
  private final PhysicalMemory memory = new PhysicalMemory();
  private final TableMemory tables =
      TableMemory.builder().capacityBytes(64 << 20).base(TABLES).build();
  private final Iommu iommu;
  private long attached;
  private int tail;
  private long completions;
  final PageTable table = PageTable.create(tables, PageTableConfig.of(AmdV1.LINUX));
  final IotlbGather gather = table.newGather();

  TableOnModel(IommuConfig config) {
    var _ = memory.allocate(0, 1 << 20, arena);
    memory.add(TABLES, tables.view());
    iommu = new Iommu(memory, config);
    iommu.writeMmio(Register.DEVICE_TABLE_BASE, DEVICE_TABLE);
    iommu.writeMmio(Register.COMMAND_BASE, COMMANDS | 8L << 56);
    iommu.writeMmio(Register.EVENT_BASE, EVENTS | 12L << 56);
    iommu.writeMmio(
        Register.CONTROL,
        Register.CONTROL_ENABLE | Register.CONTROL_COMMANDS | Register.CONTROL_EVENT_LOG);
    attach();
  }

  /** Tells the IOMMU of the top, if it has changed. */
  void attach() {
    long top = table.top();
    if (top != attached) {
      attached = top;
      DeviceTableEntry entry =
          DeviceTableEntry.v1(PageTable.root(top), PageTable.levels(top), DOMAIN);
      memory.setLong(DEVICE_TABLE + 32 * DEVICE + 8, entry.q1());
      memory.setLong(DEVICE_TABLE + 32 * DEVICE, entry.q0());
      submit(IommuCommand.invalidateDeviceTableEntry(DEVICE));
    }
  }

  /** Flushes what the gather says, and completes it. */
  void flush() {
    gather.forEachBlock(
        (iova, sizeLog2) -> submit(IommuCommand.invalidatePages(DOMAIN, iova, sizeLog2)));
    submit(IommuCommand.completionWait(COMPLETION, ++completions));
    if (memory.getLong(COMPLETION) != completions) {
      throw new AssertionError("the commands did not run");
    }
    gather.complete();
  }

  private void submit(IommuCommand command) {
    memory.setLong(COMMANDS + tail, command.q0());
    memory.setLong(COMMANDS + tail + 8, command.q1());
    tail = (tail + 16) % 4096;
    iommu.writeMmio(Register.COMMAND_TAIL, tail);
  }

  /** Where a device's access goes. */
  long access(long iova, boolean isWrite) {
    long to = iommu.translate(DEVICE, iova, isWrite);
    iommu.writeMmio(Register.EVENT_HEAD, iommu.readMmio(Register.EVENT_TAIL));
    return Outcome.isAddress(to) ? to : FAULT;
  }

  @Override
  public void close() {
    table.close();
    tables.close();
    arena.close();
  }
}
