package dev.cleave.hwmodel.memory;

/** An access to a hole in physical memory. */
public final class PhysicalMemoryFault extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The first address that is not there. */
  private final long address;

  /**
   * A fault.
   *
   * @param address system physical address of the access
   */
  public PhysicalMemoryFault(long address) {
    super("no memory at physical address 0x%x".formatted(address));
    this.address = address;
  }

  /**
   * Where it was.
   *
   * @return system physical address of the access
   */
  public long address() {
    return address;
  }
}
