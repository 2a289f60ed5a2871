package dev.cleave.engine.format;

/**
 * What a mapping allows, and how its memory is reached: a set of flags in an {@code int}.
 *
 * <p>Thread-safe: constants and functions of their arguments.
 */
public final class Access {
  /** A device may read. */
  public static final int READ = 1;

  /** A device may write. */
  public static final int WRITE = 1 << 1;

  /** A device may read and write. */
  public static final int READ_WRITE = READ | WRITE;

  /** The memory is encrypted: the format's C-bit is set in the output address. */
  public static final int ENCRYPTED = 1 << 2;

  /** No instruction may be fetched from the memory; only where the format can forbid it. */
  public static final int NO_EXECUTE = 1 << 3;

  private Access() {}

  /**
   * What is left where two entries on the way to an address must both allow it.
   *
   * @param outer what the one allows, a set of flags
   * @param inner what the one below it allows
   * @return reads and writes that both permit, without execution if either forbids it, and all else
   *     as the inner one has it
   */
  public static int both(int outer, int inner) {
    return (outer & inner & READ_WRITE)
        | ((outer | inner) & NO_EXECUTE)
        | (inner & ~(READ_WRITE | NO_EXECUTE));
  }

  /**
   * The permissions to read and write, in the words of the command line.
   *
   * @param access a set of flags
   * @return {@code r}, {@code w}, {@code rw}, or {@code -} for none
   */
  public static String permissions(int access) {
    return switch (access & READ_WRITE) {
      case READ -> "r";
      case WRITE -> "w";
      case READ_WRITE -> "rw";
      default -> "-";
    };
  }
}
