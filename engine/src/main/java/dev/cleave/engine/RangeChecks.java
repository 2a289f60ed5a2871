package dev.cleave.engine;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;

/**
 * The rules that arguments are held to before anything is changed. Thread-safe: what it remembers
 * is the same whoever has found it out.
 */
final class RangeChecks {
  /** Sets of the flags that there are. */
  static final int ACCESS_SETS = 2 * Access.NO_EXECUTE;

  private final long granuleMask;
  private final IovaSpace space;
  private final int iovaBits;
  private final int outputBits;
  private final EntryFormat format;
  private final long pageSizes;

  /** Bits of a leaf for each set of flags that was asked for; no leaf has none (SinglePage). */
  private final long[] attributes = new long[ACCESS_SETS];

  /** A bit for each set of flags that the format can express. */
  private final long expressible;

  RangeChecks(PageTableConfig config, IovaSpace space) {
    this.space = space;
    this.granuleMask = Geometry.offsetMask(config.granuleLog2());
    this.iovaBits = config.iovaBits();
    this.outputBits = config.outputBits();
    this.format = config.format();
    this.pageSizes = config.pageSizes();
    long sets = 0;
    for (int access = 0; access < ACCESS_SETS; access++) {
      sets |= format.canExpress(access) ? 1L << access : 0;
    }
    this.expressible = sets;
  }

  /**
   * Checks a range of iovas.
   *
   * @return its last address
   */
  long lastIova(long iova, long length) {
    long last = iova + length - 1;
    boolean isPlain =
        ((iova | length) & granuleMask) == 0
            && length > 0
            && Long.compareUnsigned(last, iova) >= 0
            && space.holds(iova, last);
    return isPlain ? last : lastUnusual(iova, length);
  }

  /** Finds the rule that a range breaks, unless it is just very long. */
  private long lastUnusual(long iova, long length) {
    checkAligned("iova", iova);
    if (length == 0) {
      throw misaligned(iova, "length must be a positive multiple of %d, length=0");
    }
    checkAligned("length", length);
    long last = iova + length - 1;
    if (length < 0 && (Long.compareUnsigned(last, iova) < 0 || !space.holds(iova, last))) {
      throw tooLong(iova, length, spaceRule());
    }
    if (Long.compareUnsigned(last, iova) < 0) {
      throw new PageTableException(
          Reason.OUT_OF_RANGE,
          iova,
          "a range must end at or below 2^64, iova=0x%x, length=0x%x".formatted(iova, length));
    }
    if (!space.holds(iova, last)) {
      throw new PageTableException(
          Reason.OUT_OF_RANGE,
          last,
          "%s, iova=0x%x, length=0x%x".formatted(spaceRule(), iova, length));
    }
    return last;
  }

  private String spaceRule() {
    return space.isSplit()
        ? "a range must lie in the lower or in the upper half of sign-extended iovas of %d bits"
            .formatted(iovaBits)
        : "a range must end at or below 2^%d".formatted(iovaBits);
  }

  /** Checks that output addresses exist; {@code length} is that of a checked range. */
  void checkOutput(long paddr, long length) {
    long last = paddr + length - 1;
    boolean isPlain =
        length > 0 && (paddr & granuleMask) == 0 && (paddr | last) >>> outputBits == 0;
    if (!isPlain) {
      checkAligned("paddr", paddr);
      if (length < 0) {
        throw tooLong(paddr, length, outputRule());
      }
      throw new PageTableException(
          Reason.OUT_OF_RANGE,
          paddr,
          "%s, paddr=0x%x, length=0x%x".formatted(outputRule(), paddr, length));
    }
  }

  private String outputRule() {
    return "output addresses must end at or below 2^%d".formatted(outputBits);
  }

  /** Half of all addresses or more: rather a negative number than a length that is meant. */
  private static PageTableException tooLong(long at, long length, String rule) {
    return new PageTableException(
        Reason.OUT_OF_RANGE,
        length,
        "length=%d is negative, or 0x%x as an unsigned number: %s, from 0x%x"
            .formatted(length, length, rule, at));
  }

  /** Checks that a run of page frames exists. */
  void checkFrames(long frame, int count) {
    long frames = 1L << (outputBits - Geometry.PAGE_LOG2);
    if (frame < 0 || frame > frames - count) {
      throw new PageTableException(
          Reason.OUT_OF_RANGE,
          frame << Geometry.PAGE_LOG2,
          "%s, frame=0x%x, count=%d".formatted(outputRule(), frame, count));
    }
    checkAligned("paddr", frame << Geometry.PAGE_LOG2);
  }

  /** The bits of a leaf that allow what they are to allow, if there are such. */
  long attributes(long iova, int access) {
    long bits = isSet(access) ? attributes[access] : 0;
    return bits != 0 ? bits : findAttributes(iova, access);
  }

  private long findAttributes(long iova, int access) {
    checkAccess(iova, access);
    long bits = format.attributes(access);
    attributes[access] = bits;
    return bits;
  }

  private static boolean isSet(int access) {
    return Integer.compareUnsigned(access, ACCESS_SETS) < 0;
  }

  void checkAccess(long iova, int access) {
    if (!isSet(access) || (expressible >>> access & 1) == 0) {
      throw new PageTableException(
          Reason.NO_PERMISSION, iova, "%s, access=0x%x".formatted(format.accessRule(), access));
    }
  }

  /** Checks a limit on leaf sizes: a size of the format that leaves the table something to use. */
  void checkLargestLeaf(long iova, int sizeLog2) {
    boolean isSize =
        sizeLog2 >= 0 && sizeLog2 < Long.SIZE && (format.leafSizes() & 1L << sizeLog2) != 0;
    if (!isSize || LeafSizes.upTo(sizeLog2, pageSizes) == 0) {
      throw new PageTableException(
          Reason.MISALIGNED,
          iova,
          "the largest leaf must be a leaf size from %d bytes up, sizeLog2=%d"
              .formatted(granuleMask + 1, sizeLog2));
    }
  }

  /** Checks that a range is whole pages of a size, so that no leaf up to it reaches over an end. */
  static void checkPages(long iova, long length, int pageLog2) {
    if (((iova | length) & Geometry.offsetMask(pageLog2)) != 0) {
      throw new PageTableException(
          Reason.MISALIGNED,
          iova,
          "a range to track must be whole pages of 2^%d bytes, iova=0x%x, length=0x%x"
              .formatted(pageLog2, iova, length));
    }
  }

  /** Checks that a bitmap has all of a range. */
  static void checkCovered(long first, long last, DirtyBitmap bitmap) {
    if (!bitmap.covers(first, last)) {
      throw new PageTableException(
          Reason.OUT_OF_RANGE,
          first,
          "a range must lie in the bitmap of 0x%x to 0x%x, iova=0x%x, last=0x%x"
              .formatted(bitmap.firstIova(), bitmap.lastIova(), first, last));
    }
  }

  /** Checks that an area has all of a range. */
  static void checkInside(long first, long last, long areaFirst, long areaLast) {
    if (Long.compareUnsigned(first, areaFirst) < 0 || Long.compareUnsigned(last, areaLast) > 0) {
      throw new PageTableException(
          Reason.OUT_OF_RANGE,
          first,
          "a range must lie in its area of 0x%x to 0x%x, iova=0x%x, last=0x%x"
              .formatted(areaFirst, areaLast, first, last));
    }
  }

  private void checkAligned(String what, long value) {
    if ((value & granuleMask) != 0) {
      throw misaligned(value, what + " must be a multiple of %d, " + what + "=0x%x");
    }
  }

  private PageTableException misaligned(long value, String format) {
    return new PageTableException(
        Reason.MISALIGNED, value, String.format(format, granuleMask + 1, value));
  }
}
