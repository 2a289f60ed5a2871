package dev.cleave.bench.conform.qemu;

/** The devices that do DMA. */
public enum Device {
  /** A network card in loopback: DMA in bulk. */
  E1000(3, 0, "e1000,romfile=", 0x100E_8086, 0xD000_0000L),
  /** A device that does one DMA at a time. */
  EDU0(4, 0, "edu,dma_mask=0xffffffffffffffff,multifunction=on", 0x11E8_1234, 0xE000_0000L),
  /** Another. */
  EDU1(4, 1, "edu,dma_mask=0xffffffffffffffff,multifunction=on", 0x11E8_1234, 0xE010_0000L);

  private final int slot;
  private final int function;
  private final String model;
  private final int identity;
  private final long registers;

  Device(int slot, int function, String model, int identity, long registers) {
    this.slot = slot;
    this.function = function;
    this.model = model;
    this.identity = identity;
    this.registers = registers;
  }

  /**
   * The requester id, which is also the index of the device table entry.
   *
   * @return 0 to 255
   */
  public int id() {
    return slot << 3 | function;
  }

  String argument() {
    return "%s,addr=%x.%x".formatted(model, slot, function);
  }

  /** Vendor below, device above, as the first configuration word has them. */
  int identity() {
    return identity;
  }

  /** Where its registers are put in physical address space. */
  long registers() {
    return registers;
  }
}
