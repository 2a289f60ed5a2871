package dev.cleave.engine.ioas;

import dev.cleave.engine.PageTableException;
import org.jspecify.annotations.Nullable;

/**
 * A change of an {@link IoAddressSpace} that was refused. Areas and tables are as they were before,
 * but where a method says otherwise.
 *
 * <p>Immutable and thread-safe.
 */
public final class IoasException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** What iommufd would return. */
  private final Errno errno;

  /** The offending address. */
  private final long address;

  /**
   * A refusal.
   *
   * @param errno what iommufd would return
   * @param address the offending address
   * @param message the rule and the value that broke it
   */
  public IoasException(Errno errno, long address, String message) {
    this(errno, address, message, null);
  }

  private IoasException(Errno errno, long address, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.errno = errno;
    this.address = address;
  }

  /** What a table refused, in the words of its space. */
  static IoasException of(PageTableException refusal) {
    Errno errno =
        switch (refusal.reason()) {
          case ALREADY_MAPPED -> Errno.EEXIST;
          case NOT_MAPPED -> Errno.ENOENT;
          case OUT_OF_TABLE_MEMORY -> Errno.ENOMEM;
          case OUT_OF_RANGE, MISALIGNED, NO_PERMISSION, CLOSED -> Errno.EINVAL;
        };
    return new IoasException(
        errno, refusal.address(), String.valueOf(refusal.getMessage()), refusal);
  }

  /**
   * What iommufd would return.
   *
   * @return the error number
   */
  public Errno errno() {
    return errno;
  }

  /**
   * The offending address: the first that is in the way, the one without memory, and so on.
   *
   * @return an iova, or a paddr where that is at fault
   */
  public long address() {
    return address;
  }
}
