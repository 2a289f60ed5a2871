package dev.cleave.hwmodel.cpu;

/**
 * The error code of a nested page fault (#NPF), EXITINFO1.
 *
 * <pre>
 *   36   35   34    33    32      31            4   3   2  1  0
 * +----+-----+---+-----+-----+-----+---------+----+---+--+--+--+
 * |VMPL|SIZEM|ENC|TABLE|FINAL| RMP |    0    | ID |RSV|US|RW| P|
 * +----+-----+---+-----+-----+-----+---------+----+---+--+--+--+
 * </pre>
 *
 * <p>APM volume 2, nested paging and 15.36; positions of RMP and above as in Linux's names for
 * them.
 */
public final class NestedFault {
  /** The page was present: something else was wrong. */
  public static final long PRESENT = 1L;

  /** A write. */
  public static final long WRITE = 1L << 1;

  /** A user access, as all nested ones are. */
  public static final long USER = 1L << 2;

  /** A reserved bit was set. */
  public static final long RESERVED = 1L << 3;

  /** An instruction fetch. */
  public static final long EXECUTE = 1L << 4;

  /** The RMP refused it. */
  public static final long RMP = 1L << 31;

  /** The guest's final address, not one of its page tables. */
  public static final long FINAL = 1L << 32;

  /** A private access (C-bit set). */
  public static final long ENCRYPTED = 1L << 34;

  /** Page sizes of nested table and RMP, or of instruction and RMP, differ. */
  public static final long SIZE_MISMATCH = 1L << 35;

  /** The VMPL lacks a permission. */
  public static final long VMPL = 1L << 36;

  private NestedFault() {}
}
