package dev.cleave.hwmodel.rmp;

/** What the RMP says to a request of a device; everything but {@link #ALLOWED} refuses it. */
public final class RmpVerdict {
  /** The page is the hypervisor's, or the guest's and of the right size. */
  public static final int ALLOWED = 0;

  /** The leaf has 2 MiB or more and the region is not one 2 MiB page, or the other way round. */
  public static final int SIZE_MISMATCH = 1;

  /** The page belongs to another guest, to the firmware, or the device is no guest's. */
  public static final int WRONG_OWNER = 2;

  /** The guest sees the page at another address. */
  public static final int WRONG_GPA = 3;

  /** There is no memory where the RMP entry should be. */
  public static final int UNREADABLE = 4;

  private RmpVerdict() {}
}
