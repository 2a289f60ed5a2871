package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.engine.format.Geometry;

/**
 * Which iovas a table has: one piece from 0 or, where they are sign-extended, two halves, one from
 * 0 and one that ends at 2^64, with a gulf between them. A half of the space added to a
 * sign-extended iova makes them one piece from 0, so that one comparison tells whether an iova is
 * one. Inside a half addresses are as everywhere, for a table's index leaves the upper bits out.
 *
 * <p>Immutable and thread-safe.
 */
final class IovaSpace {
  private final int bits;

  /** Bytes in each half, 0 where there is one piece. */
  private final long half;

  /** The bits of an iova that a table decodes. */
  private final long decodedMask;

  IovaSpace(PageTableConfig config) {
    this.bits = config.iovaBits();
    this.half = config.signExtended() ? 1L << (bits - 1) : 0;
    this.decodedMask = config.signExtended() ? offsetMask(bits) : -1L;
  }

  boolean isSplit() {
    return half != 0;
  }

  /** Whether a range lies in the space, in one piece of it; {@code last} is not below the first. */
  boolean holds(long first, long last) {
    return half == 0
        ? bits == Long.SIZE || last >>> bits == 0
        : (first ^ last) >= 0 && ((first + half) | (last + half)) >>> bits == 0;
  }

  /** Whether a table of so many levels decodes an iova. */
  boolean reaches(int levels, long iova) {
    return Geometry.reaches(levels, iova + half);
  }

  /** An iova without the bits that only repeat its sign. */
  long decoded(long iova) {
    return iova & decodedMask;
  }

  /** Where the piece around an iova ends that a table of so many levels decodes. */
  long pieceLast(int levels, long iova) {
    if (half != 0) {
      return iova < 0 ? -1L : half - 1;
    }
    int log2 = tableLog2(levels);
    return log2 >= Long.SIZE ? -1L : offsetMask(log2);
  }

  /** Where the upper half begins, 0 where there is one piece. */
  long upperFirst() {
    return -half;
  }
}
