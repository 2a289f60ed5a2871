package dev.cleave.hwmodel.dma;

/**
 * A disk controller with scatter-gather lists: each request is a list of runs of pages anywhere in
 * memory, all read or all written.
 *
 * <p>Request sizes as databases and file systems make them: half 4 KiB, then 8, 16, 32, 64 and 128
 * KiB with falling chance. A guest's memory is fragmented, so a run has one page, sometimes up to
 * eight.
 */
public final class ScatterGatherPattern implements AccessPattern {
  private static final int PAGE_BYTES = 4096;
  private static final int LARGEST_REQUEST_LOG2 = 5;
  private static final int LONG_RUN_PERCENT = 25;
  private static final int LONGEST_RUN_PAGES = 8;

  private final IovaRanges ranges;
  private final int writePercent;
  private final Xorshift random;
  private int pagesLeft;
  private boolean write;

  /**
   * A controller.
   *
   * @param ranges the memory
   * @param writePercent how many of a hundred requests write memory
   * @param seed what the sequence depends on
   */
  public ScatterGatherPattern(IovaRanges ranges, int writePercent, long seed) {
    this.ranges = ranges;
    this.writePercent = Patterns.requirePercent(writePercent);
    this.random = new Xorshift(seed);
  }

  @Override
  public void next(Transfer transfer) {
    if (pagesLeft == 0) {
      int log2 = 0;
      while (log2 < LARGEST_REQUEST_LOG2 && random.chance(50)) {
        log2++;
      }
      pagesLeft = 1 << log2;
      write = random.chance(writePercent);
    }
    int run = random.chance(LONG_RUN_PERCENT) ? 1 + (int) random.below(LONGEST_RUN_PAGES) : 1;
    long offset = random.below(ranges.bytes() / PAGE_BYTES) * PAGE_BYTES;
    int bytes = ranges.contiguous(offset, Math.min(run, pagesLeft) * PAGE_BYTES);
    pagesLeft -= bytes / PAGE_BYTES;
    transfer.set(ranges.iova(offset), bytes, write);
  }
}
