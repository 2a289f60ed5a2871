package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.cpu.X86Entry;

/**
 * What a device's request is like: flags of {@link Iommu#translate(int, int, long, int)}. Without
 * any it is a data read by a user.
 */
public final class Request {
  /** A data read. */
  public static final int READ = 0;

  /** A write. */
  public static final int WRITE = 1;

  /** Permission to execute is asked for too. */
  public static final int EXECUTE = 1 << 1;

  /** Privileged mode: needs no U in a guest table. */
  public static final int PRIVILEGED = 1 << 2;

  /** T: the device says that it is trusted. Asks for no right. */
  public static final int TRUSTED = 1 << 3;

  /** In place of a PASID: the request has none. */
  public static final int NO_PASID = -1;

  /** Number of combinations of the flags that ask for rights. */
  static final int KINDS = 8;

  private Request() {}

  static boolean isTrusted(int flags) {
    return (flags & TRUSTED) != 0;
  }

  /** The flags that ask for rights. */
  static int kind(int flags) {
    return flags & (KINDS - 1);
  }

  static boolean isWrite(int flags) {
    return (flags & WRITE) != 0;
  }

  static boolean isExecute(int flags) {
    return (flags & EXECUTE) != 0;
  }

  static boolean isUser(int flags) {
    return (flags & PRIVILEGED) == 0;
  }

  /** The rights a guest table must grant, as {@link X86Entry} has them. */
  static int rights(int flags) {
    return (isWrite(flags) ? X86Entry.MAY_WRITE : 0)
        | (isExecute(flags) ? X86Entry.MAY_EXECUTE : 0)
        | (isUser(flags) ? X86Entry.MAY_USER : 0);
  }

  /** What the event of a guest translation says of the request itself. */
  static int eventFlags(int flags) {
    return Event.GN
        | (isWrite(flags) ? Event.RW : 0)
        | (isExecute(flags) ? Event.NX : 0)
        | (isUser(flags) ? Event.US : 0);
  }
}
