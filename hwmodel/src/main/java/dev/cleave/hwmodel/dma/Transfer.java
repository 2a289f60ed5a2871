package dev.cleave.hwmodel.dma;

/** What a device does next; filled anew by each {@link AccessPattern#next}. */
public final class Transfer {
  private long iova;
  private int bytes;
  private boolean write;

  /** An empty transfer. */
  public Transfer() {}

  /**
   * Fills it.
   *
   * @param newIova first address, a multiple of 8
   * @param newBytes length, a positive multiple of 8; it may span pages
   * @param newWrite whether the device writes
   */
  public void set(long newIova, int newBytes, boolean newWrite) {
    iova = newIova;
    bytes = newBytes;
    write = newWrite;
  }

  /**
   * Where it begins.
   *
   * @return I/O virtual address
   */
  public long iova() {
    return iova;
  }

  /**
   * How long it is.
   *
   * @return bytes
   */
  public int bytes() {
    return bytes;
  }

  /**
   * Which way it goes.
   *
   * @return true if the device writes
   */
  public boolean isWrite() {
    return write;
  }
}
