package dev.cleave.bench.conform;

import dev.cleave.bench.conform.qemu.EchoMemory;
import dev.cleave.engine.format.Geometry;
import java.util.random.RandomGenerator;

/**
 * A piece of address space that a case works in, and the memory that it leads to: by default every
 * address of the piece leads to the same place, so that neighbours can become one leaf.
 *
 * @param iova its first address
 * @param paddr where that leads
 * @param bytes its length
 */
record Place(long iova, long paddr, long bytes) {
  /** Room below the window in a table of one level. */
  private static final long SMALL_BYTES = CaseRun.WINDOW_IOVA;

  private static final int WIDTH = 64;

  /** A place of 16 MiB, or of less in a table of one level, somewhere under so many levels. */
  static Place under(int levels, RandomGenerator random) {
    long paddr = random.nextBoolean() ? EchoMemory.LARGE_LOW : EchoMemory.LARGE_HIGH;
    if (levels == 1) {
      return new Place(0, paddr, SMALL_BYTES);
    }
    long iova = aligned(levels, EchoMemory.LARGE_BYTES, random);
    return new Place(iova, paddr, EchoMemory.LARGE_BYTES);
  }

  /** A multiple of a size that a table of so many levels reaches, and one of fewer does not. */
  static long aligned(int levels, long bytes, RandomGenerator random) {
    int width = Math.min(Geometry.tableLog2(levels), WIDTH);
    int least = Math.max(Geometry.tableLog2(levels - 1), Long.numberOfTrailingZeros(bytes));
    long top = least == width ? 0 : 1L << (least + random.nextInt(width - least));
    long below = random.nextLong() & (top - 1);
    return (top | below) & -bytes;
  }

  /** A leaf of any size whose memory has echoes in it. */
  static Place ofSize(int levels, int sizeLog2, RandomGenerator random) {
    long bytes = 1L << sizeLog2;
    long island = random.nextBoolean() ? EchoMemory.LARGE_LOW : EchoMemory.LARGE_HIGH;
    long paddr =
        bytes < EchoMemory.LARGE_BYTES
            ? island + random.nextLong(EchoMemory.LARGE_BYTES / bytes) * bytes
            : island & -bytes;
    return new Place(aligned(levels, bytes, random), paddr, bytes);
  }

  /** Part of it, on pages. */
  Place part(RandomGenerator random) {
    long pages = bytes >>> Geometry.PAGE_LOG2;
    long from = random.nextLong(pages);
    int log2 = random.nextInt(Long.SIZE - Long.numberOfLeadingZeros(pages));
    long count = Math.min(1 + random.nextLong(1L << log2), pages - from);
    if (random.nextInt(3) == 0) { // whole regions, so that large leaves come about
      long region = 1L << (Geometry.REGION_LOG2 - Geometry.PAGE_LOG2);
      from &= -Math.min(region, Long.highestOneBit(pages));
      count = Math.min(count + region - 1 & -region, pages - from);
    }
    long offset = from << Geometry.PAGE_LOG2;
    return new Place(iova + offset, paddr + offset, count << Geometry.PAGE_LOG2);
  }
}
