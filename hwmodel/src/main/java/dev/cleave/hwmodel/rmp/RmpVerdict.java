package dev.cleave.hwmodel.rmp;

/** What the RMP says to a request of a device; everything but {@link #ALLOWED} refuses it. */
public final class RmpVerdict {
  /**
   * The page is what the request asks for: the hypervisor's, or its guest's and of the right size.
   */
  public static final int ALLOWED = 0;

  /** The leaf has 2 MiB or more and the region is not all of one kind, or the other way round. */
  public static final int SIZE_MISMATCH = 1;

  /** The page belongs to a guest and the request is none's, or to anybody else than its guest. */
  public static final int WRONG_OWNER = 2;

  /** The guest sees the page at another address. */
  public static final int WRONG_GPA = 3;

  /** There is no memory where the RMP entry should be. */
  public static final int UNREADABLE = 4;

  /** The guest's permissions do not allow it to the device's VMPL. */
  public static final int WRONG_VMPL = 5;

  private RmpVerdict() {}
}
