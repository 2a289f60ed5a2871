package dev.cleave.bench.conform.qemu;

/** PCI configuration space of bus 0, by the two ports of old. */
final class Pci {
  /** Where the word that was chosen is read and written. */
  static final int DATA_PORT = 0xCFC;

  private static final int ADDRESS_PORT = 0xCF8;
  private static final int ENABLE = 1 << 31;
  private static final int IDENTITY = 0;
  private static final int COMMAND = 4;
  private static final int COMMAND_MEMORY_AND_MASTER = 6;
  private static final int BAR0 = 0x10;

  private final QtestClient qtest;

  Pci(QtestClient qtest) {
    this.qtest = qtest;
  }

  /** Gives a device its register addresses and lets it do DMA. */
  void enable(Device device) {
    select(device.id(), IDENTITY);
    int found = qtest.inl(DATA_PORT);
    if (found != device.identity()) {
      throw new QemuFailure(
          "%s must identify itself as 0x%x, it says 0x%x"
              .formatted(device, device.identity(), found));
    }
    select(device.id(), BAR0);
    qtest.outl(DATA_PORT, (int) device.registers());
    select(device.id(), COMMAND);
    qtest.outw(DATA_PORT, COMMAND_MEMORY_AND_MASTER);
  }

  private void select(int deviceId, int offset) {
    qtest.outl(ADDRESS_PORT, ENABLE | deviceId << 8 | offset);
  }
}
