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

  private static final int ALL = READ_WRITE | ENCRYPTED;

  private Access() {}

  /**
   * Whether the flags name at least one permission and nothing unknown.
   *
   * @param access a set of flags
   * @return true for a set that a leaf can carry
   */
  public static boolean isValid(int access) {
    return (access & READ_WRITE) != 0 && (access & ~ALL) == 0;
  }

  /**
   * The permissions in the words of the command line.
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
