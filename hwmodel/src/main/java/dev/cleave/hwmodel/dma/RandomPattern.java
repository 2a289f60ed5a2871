package dev.cleave.hwmodel.dma;

/** Anywhere, with equal chance: the worst a translation cache can meet. */
public final class RandomPattern implements AccessPattern {
  private final IovaRanges ranges;
  private final int transferBytes;
  private final int writePercent;
  private final Xorshift random;

  /**
   * Random accesses, aligned to 8 bytes.
   *
   * @param ranges the memory
   * @param transferBytes length of a transfer, a positive multiple of 8; shorter at the end of a
   *     range
   * @param writePercent how many of a hundred are writes
   * @param seed what the sequence depends on
   */
  public RandomPattern(IovaRanges ranges, int transferBytes, int writePercent, long seed) {
    this.ranges = ranges;
    this.transferBytes = Patterns.requireWords(transferBytes);
    this.writePercent = Patterns.requirePercent(writePercent);
    this.random = new Xorshift(seed);
  }

  @Override
  public void next(Transfer transfer) {
    long offset = random.below(ranges.bytes() / Long.BYTES) * Long.BYTES;
    transfer.set(
        ranges.iova(offset), ranges.contiguous(offset, transferBytes), random.chance(writePercent));
  }
}
