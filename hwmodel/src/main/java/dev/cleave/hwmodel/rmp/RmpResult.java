package dev.cleave.hwmodel.rmp;

/**
 * What RMP instructions leave in EAX, and, as negative numbers, the faults they raise instead.
 *
 * <p>APM volume 2, 15.36, and the instructions' pages.
 */
public final class RmpResult {
  /** Done. */
  public static final int SUCCESS = 0;

  /** Misaligned, not covered by the RMP, a wrong size or a reserved bit. */
  public static final int FAIL_INPUT = 1;

  /** Immutable, or more than the caller's own permissions. */
  public static final int FAIL_PERMISSION = 2;

  /** Somebody else is changing the entry. */
  public static final int FAIL_IN_USE = 3;

  /** A 4 KiB page inside a 2 MiB entry, or 2 MiB over assigned 4 KiB pages. */
  public static final int FAIL_OVERLAP = 4;

  /** The guest asked for 2 MiB and the RMP has 4 KiB. */
  public static final int FAIL_SIZE_MISMATCH = 6;

  /** PSMASH: an entry that cannot be expanded. */
  public static final int FAIL_NOT_EXPANDABLE = 7;

  /** PVALIDATE: success with CF set, because nothing changed. Added to {@link #SUCCESS}. */
  public static final int UNCHANGED = 1 << 8;

  /** Nested page fault with RMP and SIZEM: the guest asked for 4 KiB and the RMP has 2 MiB. */
  public static final int NPF_SIZE_MISMATCH = -1;

  /** Nested page fault with RMP: the page is not this guest's at this address. */
  public static final int NPF_NOT_OWNED = -2;

  /** The guest has not validated the page. */
  public static final int NOT_VALIDATED = -3;

  private RmpResult() {}
}
