package dev.cleave.hwmodel.dma;

import dev.cleave.hwmodel.iommu.Outcome;

/**
 * What a device did. Written by the hardware's thread without order: another thread reads exact
 * numbers only while the hardware rests.
 */
public final class DmaCounts {
  private static final int KINDS = 32;

  /** Transfers begun. */
  public long transfers;

  /** Accesses: pieces of transfers within 4 KiB. */
  public long accesses;

  /** Bytes that reached the device. */
  public long bytesRead;

  /** Bytes that reached memory. */
  public long bytesWritten;

  /** Accesses that found another page's data. */
  public long wrongData;

  /** Address of the last access that found another page's data. */
  public long lastWrongIova;

  /** What it found. */
  public long lastWrongWord;

  /** Accesses that were translated to where there is no memory. */
  public long masterAborts;

  private final long[] refused = new long[KINDS];

  /** All counts zero. */
  public DmaCounts() {}

  /**
   * Accesses the IOMMU refused for one reason.
   *
   * @param outcome a negative {@link Outcome}
   * @return how many
   */
  public long refused(long outcome) {
    return refused[(int) -outcome];
  }

  /**
   * Accesses the IOMMU refused for any reason.
   *
   * @return how many
   */
  public long refused() {
    long sum = 0;
    for (long count : refused) {
      sum += count;
    }
    return sum - refused(Outcome.INTERRUPT);
  }

  void countRefused(long outcome) {
    refused[(int) -outcome]++;
  }
}
