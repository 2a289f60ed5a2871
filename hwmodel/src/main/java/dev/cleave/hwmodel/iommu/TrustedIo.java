package dev.cleave.hwmodel.iommu;

/**
 * What is known of trusted I/O by one source only, or not at all, and can be chosen. Immutable.
 *
 * @param isAnnounced whether the second feature register announces it, when there is an RMP. If
 *     not, a request that says it is trusted is treated as any other
 * @param checksVmpl whether the RMP's permissions of the secure entry's VMPL bind the device. AMD's
 *     driver quotes the firmware's interface: "VMPL applied to all accesses by this TDI"
 * @param guestPrivateBit address bit of a guest table's entries that says private (the guest's
 *     C-bit) and is no part of the address
 */
public record TrustedIo(boolean isAnnounced, boolean checksVmpl, long guestPrivateBit) {
  /** What parts of today are said to do: the VMPL binds, the C-bit is bit 51. */
  public static final TrustedIo STANDARD = new TrustedIo(true, true, 1L << 51);

  /** No trusted I/O. */
  public static final TrustedIo NONE = new TrustedIo(false, false, 0);

  /**
   * The same with or without looking at the VMPL.
   *
   * @param checks whether its permissions bind the device
   * @return a new choice
   */
  public TrustedIo withVmpl(boolean checks) {
    return new TrustedIo(isAnnounced, checks, guestPrivateBit);
  }
}
