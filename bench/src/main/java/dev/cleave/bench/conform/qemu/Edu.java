package dev.cleave.bench.conform.qemu;

/**
 * QEMU's edu device: one DMA at a time, between memory and a buffer of its own that nobody can look
 * into. What it has read is looked at by letting it write to a page with translation switched off.
 */
final class Edu implements DmaDevice {
  private static final long SOURCE = 0x80;
  private static final long DESTINATION = 0x88;
  private static final long COUNT = 0x90;
  private static final long COMMAND = 0x98;
  private static final long COMMAND_RUN = 1;
  private static final long COMMAND_TO_MEMORY = 2;
  private static final long BUFFER = 0x4_0000;
  private static final int MOST_POLLS = 100_000;
  private static final int MOST_AT_ONCE = 32;

  private final Device device;
  private final QtestClient qtest;
  private final GuestMemory memory;
  private final AmdIommu iommu;

  Edu(Device device, QtestClient qtest, GuestMemory memory, AmdIommu iommu) {
    this.device = device;
    this.qtest = qtest;
    this.memory = memory;
    this.iommu = iommu;
  }

  @Override
  public int mostAtOnce() {
    return MOST_AT_ONCE;
  }

  @Override
  public long[] read(long[] iovas) {
    long[] values = new long[iovas.length];
    for (int i = 0; i < iovas.length; i++) {
      transfer(iovas[i], BUFFER, COMMAND_RUN);
      memory.store(GuestLayout.BOUNCE, -1);
      iommu.setTranslating(false);
      transfer(BUFFER, GuestLayout.BOUNCE, COMMAND_RUN | COMMAND_TO_MEMORY);
      iommu.setTranslating(true);
      qtest.sync();
      values[i] = memory.load(GuestLayout.BOUNCE);
    }
    return values;
  }

  @Override
  public void write(long[] iovas, long[] values) {
    for (int i = 0; i < iovas.length; i++) {
      memory.store(GuestLayout.BOUNCE, values[i]);
      iommu.setTranslating(false);
      transfer(GuestLayout.BOUNCE, BUFFER, COMMAND_RUN);
      iommu.setTranslating(true);
      transfer(BUFFER, iovas[i], COMMAND_RUN | COMMAND_TO_MEMORY);
    }
  }

  private void transfer(long source, long destination, long command) {
    long registers = device.registers();
    qtest.writeq(registers + SOURCE, source);
    qtest.writeq(registers + DESTINATION, destination);
    qtest.writeq(registers + COUNT, Long.BYTES);
    qtest.writeq(registers + COMMAND, command);
    for (int i = 0; (qtest.readq(registers + COMMAND) & COMMAND_RUN) != 0; i++) {
      if (i == MOST_POLLS) {
        throw new QemuFailure(device + " does not finish its DMA");
      }
    }
  }
}
