package dev.cleave.engine.ioas;

import dev.cleave.engine.SizeRule;
import java.util.Arrays;

/** A limit for each block of iovas, as a bitmap of page states would set it. */
final class BumpyRule implements SizeRule {
  private final int blockLog2;
  private final int[] limits;

  BumpyRule(int blockLog2, int blocks) {
    this.blockLog2 = blockLog2;
    this.limits = new int[blocks];
    Arrays.fill(limits, IoAddressSpace.UNLIMITED);
  }

  int blocks() {
    return limits.length;
  }

  long blockBytes() {
    return 1L << blockLog2;
  }

  void set(int block, int log2) {
    limits[block] = log2;
  }

  int limit(long iova) {
    long block = iova >>> blockLog2;
    return block < limits.length ? limits[(int) block] : IoAddressSpace.UNLIMITED;
  }

  @Override
  public long segmentLast(long iova, long last) {
    long end = iova | (blockBytes() - 1);
    while (Long.compareUnsigned(end, last) < 0 && limit(end + 1) == limit(iova)) {
      if (end >>> blockLog2 >= limits.length) {
        return last;
      }
      end += blockBytes();
    }
    return Long.compareUnsigned(end, last) < 0 ? end : last;
  }

  @Override
  public long sizes(long iova) {
    return -1L >>> (IoAddressSpace.UNLIMITED - limit(iova));
  }

  @Override
  public int alwaysAllowedLog2() {
    return 12;
  }
}
