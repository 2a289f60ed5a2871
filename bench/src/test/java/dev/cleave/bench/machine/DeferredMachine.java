package dev.cleave.bench.machine;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.Gcr3Entry;
import dev.cleave.engine.format.X86;
import dev.cleave.hwmodel.iommu.CacheShape;
import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.iommu.Register;
import dev.cleave.hwmodel.iommu.Request;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import org.jspecify.annotations.Nullable;

/**
 * A table of the engine under an IOMMU of the model whose commands run later than they are issued,
 * and two devices in domains of their own, each of which keeps its device table entry until it is
 * given the next one.
 */
final class DeferredMachine implements AutoCloseable {
  /** What a device's access comes to where nothing translates. */
  static final long FAULT = -1;

  static final int DEVICES = 2;

  /** Where the table stands. */
  enum Stage {
    /** It is a host table. */
    HOST,
    /** It is a guest table, and there is no host table. */
    GUEST,
    /** It is a guest table over a host table that nobody changes. */
    NESTED
  }

  private static final int TABLE_BYTES = 64 << 20;
  private static final long TABLES = 1L << 40;
  private static final long HOST_TABLES = 1L << 41;

  /** Of a nested guest: where its tables are for it, and its memory for the host. */
  private static final long GUEST_TABLES = 1L << 47;

  private static final long GUEST_MEMORY = 1L << 46;
  private static final long GUEST_BYTES = 1L << 46;

  private static final long DEVICE_TABLE = 0x1000;
  private static final long GCR3 = 0x2000;
  private static final long COMPLETION = 0x3000;
  private static final long COMMANDS = 0x20000;
  private static final int COMMANDS_LOG2 = 12;
  private static final long EVENTS = 0x10000;
  private static final int FIRST_DEVICE = 9;
  private static final int FIRST_DOMAIN = 5;

  private final Arena arena = Arena.ofShared();
  private final PhysicalMemory memory = new PhysicalMemory();
  private final Stage stage;
  private final TableMemory tables;
  private final TableMemory hostTables =
      TableMemory.builder().capacityBytes(1 << 20).base(HOST_TABLES).build();
  private final @Nullable PageTable host;
  private final Iommu iommu;
  private final long[] tops = new long[DEVICES];
  private int tail;
  private long issued;
  final PageTable table;

  DeferredMachine(Stage stage, PageTableConfig config, IommuConfig hardware) {
    this.stage = stage;
    var _ = memory.allocate(0, 1 << 20, arena);
    long base = stage == Stage.NESTED ? GUEST_TABLES : TABLES;
    tables = TableMemory.over(memory.allocate(TABLES, TABLE_BYTES, arena), base);
    table = PageTable.create(tables, config);
    host = stage == Stage.NESTED ? host() : null;
    iommu = new Iommu(memory, hardware.withGuestTables().withCommandsOnTailWrite(false));
    iommu.writeMmio(Register.DEVICE_TABLE_BASE, DEVICE_TABLE);
    iommu.writeMmio(Register.COMMAND_BASE, COMMANDS | (long) COMMANDS_LOG2 << 56);
    iommu.writeMmio(Register.EVENT_BASE, EVENTS | 12L << 56);
    iommu.writeMmio(
        Register.CONTROL,
        Register.CONTROL_ENABLE | Register.CONTROL_COMMANDS | Register.CONTROL_EVENT_LOG);
    for (int device = 0; device < DEVICES; device++) {
      attach(device);
    }
  }

  /** A guest table's kind: four levels, born with accessed and dirty bits. */
  static PageTableConfig guestConfig() {
    return PageTableConfig.of(X86.LINUX);
  }

  /** Caches of directories alone, and many: the IOTLB answers nothing that they could spoil. */
  static IommuConfig directoriesOnly() {
    return IommuConfig.standard()
        .withIotlb(CacheShape.NONE, 1L << 12)
        .withDirectories(new CacheShape(10, 8), true);
  }

  /** All that the guest can name is mapped, with leaves as large as they can be. */
  private PageTable host() {
    memory.add(HOST_TABLES, hostTables.view());
    PageTable under = PageTable.create(hostTables, PageTableConfig.of(AmdV1.LINUX).withLevels(4));
    under.map(0, GUEST_MEMORY, GUEST_BYTES, Access.READ_WRITE);
    under.map(GUEST_TABLES, TABLES, TABLE_BYTES, Access.READ_WRITE);
    under.map(GUEST_TABLES + TABLE_BYTES, GCR3, 4096, Access.READ_WRITE);
    return under;
  }

  // ---- software ------------------------------------------------------------------------------

  /** Gives a device the top that there is now. */
  void attach(int device) {
    tops[device] = table.top();
    DeviceTableEntry entry = entry(FIRST_DOMAIN + device, tops[device]);
    long at = DeviceTableEntry.paddrOf(DEVICE_TABLE, FIRST_DEVICE + device);
    memory.setLong(at + 2 * Long.BYTES, entry.q2());
    memory.setLong(at + Long.BYTES, entry.q1());
    memory.setLong(at, entry.q0());
    submit(IommuCommand.invalidateDeviceTableEntry(FIRST_DEVICE + device));
    process();
  }

  private DeviceTableEntry entry(int domain, long top) {
    if (stage == Stage.HOST) {
      return DeviceTableEntry.v1(PageTable.root(top), PageTable.levels(top), domain);
    }
    memory.setLong(GCR3, Gcr3Entry.of(PageTable.root(top)));
    int levels = PageTable.levels(top);
    return host == null
        ? DeviceTableEntry.passthrough(domain).withGuestTables(GCR3, 1, levels)
        : DeviceTableEntry.v1(host.root(), host.levels(), domain)
            .withGuestTables(GUEST_TABLES + TABLE_BYTES, 1, levels);
  }

  /** Whether a device's top has an address in its reach. */
  boolean reaches(int device, long iova) {
    int bits = 12 + 9 * PageTable.levels(tops[device]);
    return bits >= Long.SIZE || iova >>> bits == 0;
  }

  /**
   * Issues the flush that a gather owes.
   *
   * @return what to ask {@link #hasCompleted} for
   */
  long issue(IotlbGather gather) {
    gather.forEachBlock(this::invalidate);
    submit(IommuCommand.completionWait(COMPLETION, ++issued));
    return issued;
  }

  private void invalidate(long iova, int sizeLog2) {
    for (int domain = FIRST_DOMAIN; domain < FIRST_DOMAIN + DEVICES; domain++) {
      submit(
          stage == Stage.HOST
              ? IommuCommand.invalidatePages(domain, iova, sizeLog2)
              : IommuCommand.invalidateGuestPages(domain, 0, iova, sizeLog2));
    }
  }

  private void submit(IommuCommand command) {
    memory.setLong(COMMANDS + tail, command.q0());
    memory.setLong(COMMANDS + tail + Long.BYTES, command.q1());
    tail = (tail + IommuCommand.BYTES) % (IommuCommand.BYTES << COMMANDS_LOG2);
    if (iommu.readMmio(Register.COMMAND_HEAD)
        == (tail + IommuCommand.BYTES) % (IommuCommand.BYTES << COMMANDS_LOG2)) {
      process(); // the ring is full
    }
    iommu.writeMmio(Register.COMMAND_TAIL, tail);
  }

  boolean hasCompleted(long flush) {
    return memory.getLong(COMPLETION) >= flush;
  }

  /** Flushes what a gather owes, waits for it and completes the gather. */
  void settle(IotlbGather gather) {
    long flush = issue(gather);
    process();
    if (!hasCompleted(flush)) {
      throw new AssertionError("the commands did not run");
    }
    gather.complete();
  }

  // ---- hardware ------------------------------------------------------------------------------

  /** Runs some commands. */
  void process(int most) {
    var _ = iommu.processCommands(most);
  }

  /** Runs all commands. */
  void process() {
    process(Integer.MAX_VALUE);
  }

  /** Where a device's access goes: what the table yields, or a fault. */
  long access(int device, long iova, boolean isWrite) {
    int flags = isWrite ? Request.WRITE : Request.READ;
    long to = iommu.translate(FIRST_DEVICE + device, Request.NO_PASID, iova, flags);
    if (!Outcome.isAddress(to)) {
      iommu.writeMmio(Register.EVENT_HEAD, iommu.readMmio(Register.EVENT_TAIL));
      return FAULT;
    }
    return stage == Stage.NESTED ? to - GUEST_MEMORY : to;
  }

  /** Walks that began at a cached directory so far. */
  long directoryHits() {
    return iommu.statistics().directoryHits;
  }

  long tableBytes() {
    return tables.usedBytes();
  }

  @Override
  public void close() {
    if (host != null) {
      host.close();
    }
    hostTables.close();
    table.close();
    tables.close();
    arena.close();
  }
}
