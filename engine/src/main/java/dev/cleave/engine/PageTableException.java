package dev.cleave.engine;

/**
 * An operation that was refused. The table is exactly as it was before. The message begins with the
 * reason's name.
 *
 * <p>Immutable and thread-safe.
 */
public final class PageTableException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What kind of refusal this is. */
  private final Reason reason;

  /** The offending address. */
  private final long address;

  /** Why an operation is refused. */
  public enum Reason {
    /** Something in the range is mapped already. */
    ALREADY_MAPPED,
    /** Nothing in the range is mapped. */
    NOT_MAPPED,
    /** An address is beyond what the table, or the address space, reaches. */
    OUT_OF_RANGE,
    /** An address or a length is not a multiple of the smallest page, or there is no such page. */
    MISALIGNED,
    /** The table pages needed are not to be had. */
    OUT_OF_TABLE_MEMORY,
    /** A mapping without permission to read or write, or with flags that do not exist. */
    NO_PERMISSION,
    /** The table is closed, or attached to an image that may only be read. */
    CLOSED
  }

  /**
   * A refusal.
   *
   * @param reason why
   * @param address the offending address
   * @param message the rule and the value that broke it
   */
  public PageTableException(Reason reason, long address, String message) {
    super(reason + ": " + message);
    this.reason = reason;
    this.address = address;
  }

  /** {@return why the operation was refused} */
  public Reason reason() {
    return reason;
  }

  /**
   * {@return the offending address: the first that is mapped, the one that is out of range, and so
   * on; an iova, or a paddr where that is at fault}
   */
  public long address() {
    return address;
  }
}
