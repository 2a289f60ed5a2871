package dev.cleave.bench.machine;

import dev.cleave.engine.IotlbGather;

/**
 * What the flush commands of a gather name: its blocks, one command each; or, where these would be
 * too many, the smallest block around them all, which drops more than it must.
 */
public final class FlushBlocks {
  private static final int PAGE_LOG2 = 12;

  private FlushBlocks() {}

  /**
   * Visits what is to be named.
   *
   * @param gather ranges to flush; nothing is visited if it has none
   * @param most commands, at least 1
   * @param visitor called for each block
   */
  public static void forEach(IotlbGather gather, int most, IotlbGather.BlockVisitor visitor) {
    if (most == Integer.MAX_VALUE || count(gather) <= most) {
      gather.forEachBlock(visitor);
      return;
    }
    long first = gather.rangeFirst(0);
    long last = gather.rangeLast(0);
    for (int i = 1; i < gather.rangeCount(); i++) {
      if (Long.compareUnsigned(gather.rangeFirst(i), first) < 0) {
        first = gather.rangeFirst(i);
      }
      if (Long.compareUnsigned(gather.rangeLast(i), last) > 0) {
        last = gather.rangeLast(i);
      }
    }
    int log2 = Math.max(PAGE_LOG2, Long.SIZE - Long.numberOfLeadingZeros(first ^ last));
    visitor.visit(log2 == Long.SIZE ? 0 : first & -1L << log2, log2);
  }

  private static int count(IotlbGather gather) {
    int[] blocks = new int[1];
    gather.forEachBlock((_, _) -> blocks[0]++);
    return blocks[0];
  }
}
