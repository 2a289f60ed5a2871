package dev.cleave.bench.conform.qemu;

import dev.cleave.bench.machine.IommuCommand;
import dev.cleave.engine.format.DeviceTableEntry;

/**
 * QEMU's AMD IOMMU, by its registers, its command buffer and its device table.
 *
 * <p>Belongs to one thread at a time. Source: {@code docs/spec/amd-vi.md} §4, §6.
 */
public final class AmdIommu implements IommuPort {
  private static final long REGISTERS = 0xFED8_0000L;
  private static final long DEVICE_TABLE_BASE = 0x0000;
  private static final long COMMAND_BASE = 0x0008;
  private static final long EVENT_BASE = 0x0010;
  private static final long CONTROL = 0x0018;
  private static final long COMMAND_HEAD = 0x2000;
  private static final long COMMAND_TAIL = 0x2008;
  private static final long EVENT_HEAD = 0x2010;
  private static final long EVENT_TAIL = 0x2018;
  private static final long STATUS = 0x2020;

  /** IommuEn, EventLogEn, CmdBufEn. */
  private static final long CONTROL_RUN = 1 | 1L << 2 | 1L << 12;

  /** EventLogRun, CmdBufRun. */
  private static final long STATUS_RUNNING = 1L << 3 | 1L << 4;

  private static final int RING_LENGTH_SHIFT = 56;
  private static final int COMMANDS_LOG2 = 8;
  private static final int EVENTS_LOG2 = 15;
  private static final int COMMAND_RING_BYTES = IommuCommand.BYTES << COMMANDS_LOG2;

  private final QtestClient qtest;
  private final GuestMemory memory;
  private int tail;
  private int queued;
  private long completions;

  AmdIommu(QtestClient qtest, GuestMemory memory) {
    this.qtest = qtest;
    this.memory = memory;
  }

  /** Gives it its tables and rings and lets it run. */
  void enable() {
    qtest.writeq(REGISTERS + CONTROL, 0);
    qtest.writeq(
        REGISTERS + DEVICE_TABLE_BASE,
        GuestLayout.DEVICE_TABLE | (GuestLayout.DEVICE_TABLE_PAGES - 1));
    qtest.writeq(
        REGISTERS + COMMAND_BASE, GuestLayout.COMMANDS | (long) COMMANDS_LOG2 << RING_LENGTH_SHIFT);
    qtest.writeq(
        REGISTERS + EVENT_BASE, GuestLayout.EVENTS | (long) EVENTS_LOG2 << RING_LENGTH_SHIFT);
    qtest.writeq(REGISTERS + COMMAND_HEAD, 0);
    qtest.writeq(REGISTERS + COMMAND_TAIL, 0);
    qtest.writeq(REGISTERS + EVENT_HEAD, 0);
    qtest.writeq(REGISTERS + EVENT_TAIL, 0);
    setTranslating(true);
    long status = qtest.readq(REGISTERS + STATUS);
    if ((status & STATUS_RUNNING) != STATUS_RUNNING) {
      throw new QemuFailure("QEMU's IOMMU does not run, status=0x" + Long.toHexString(status));
    }
  }

  /** Switches translation off, so that every address stands for itself, and on again. */
  void setTranslating(boolean isOn) {
    qtest.writeq(REGISTERS + CONTROL, isOn ? CONTROL_RUN : 0);
  }

  @Override
  public void submit(IommuCommand command) {
    memory.store(GuestLayout.COMMANDS + tail, command.q0());
    memory.store(GuestLayout.COMMANDS + tail + Long.BYTES, command.q1());
    tail = (tail + IommuCommand.BYTES) % COMMAND_RING_BYTES;
    qtest.writeq(REGISTERS + COMMAND_TAIL, tail);
    if (++queued == COMMAND_RING_BYTES / IommuCommand.BYTES - 1) {
      sync();
    }
  }

  private void sync() {
    qtest.sync();
    queued = 0;
  }

  @Override
  public void awaitCompletion() {
    long data = ++completions;
    submit(IommuCommand.completionWait(GuestLayout.COMPLETION, data));
    sync();
    long stored = memory.load(GuestLayout.COMPLETION);
    if (stored != data) {
      throw new QemuFailure(
          "COMPLETION_WAIT must have stored %d, memory has %d".formatted(data, stored));
    }
  }

  @Override
  public void store(Device device, DeviceTableEntry entry) {
    long at = DeviceTableEntry.paddrOf(GuestLayout.DEVICE_TABLE, device.id());
    memory.store(at + 3 * Long.BYTES, entry.q3());
    memory.store(at + 2 * Long.BYTES, entry.q2());
    memory.store(at + Long.BYTES, entry.q1());
    memory.store(at, entry.q0());
  }
}
