package dev.cleave.hwmodel.dma;

/**
 * How a device asks for a guest page: at which address, and as trusted or not. Asked for each
 * access, so that it may follow the pages' state.
 */
public interface Addressing {
  /** Each page at its own address, by requests that are not trusted. */
  Addressing UNTRUSTED = of(false);

  /** Each page at its own address, by trusted requests. */
  Addressing TRUSTED = of(true);

  /**
   * What the device puts on the bus.
   *
   * @param gpa guest physical address
   * @return I/O virtual address, at the same place in its page
   */
  default long iova(long gpa) {
    return gpa;
  }

  /**
   * Whether the request is a trusted one.
   *
   * @param gpa guest physical address
   * @return T
   */
  boolean isTrusted(long gpa);

  private static Addressing of(boolean isTrusted) {
    return _ -> isTrusted;
  }
}
