package dev.cleave.bench.replay;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.ioas.IoasException;

/**
 * What a table can do at all, and why it refuses the rest: a space refuses it too, but gives one
 * error number for several reasons.
 *
 * @param config of the table
 */
record TableRules(PageTableConfig config) {
  /** Refuses a range that is not made of pages which the table can have. */
  void checkRange(long iova, long length) {
    checkAligned(iova, iova);
    checkAligned(length, iova);
    long last = iova + length - 1;
    boolean isRange =
        Long.compareUnsigned(last, iova) >= 0
            && Long.compareUnsigned(last, config.lastIova(iova)) <= 0;
    if (length == 0) {
      throw refusal(Reason.MISALIGNED, iova, "a range must have pages");
    }
    if (!isRange) {
      throw refusal(Reason.OUT_OF_RANGE, iova, "a range must end where iovas do");
    }
  }

  /** Refuses what a range, which has been checked, cannot be mapped to. */
  void checkMemory(long iova, long paddr, long length, int access) {
    EntryFormat format = config.format();
    if (!format.canExpress(access)) {
      throw refusal(Reason.NO_PERMISSION, iova, format.accessRule());
    }
    checkAligned(paddr, paddr);
    long last = paddr + length - 1;
    int bits = config.outputBits();
    boolean isThere =
        length > 0
            && paddr >>> bits == 0
            && last >>> bits == 0
            && Long.compareUnsigned(last, paddr) >= 0;
    if (!isThere) {
      throw refusal(Reason.OUT_OF_RANGE, paddr, "memory must end where paddrs do");
    }
  }

  /** Refuses a size that no leaf of the format has, or that is below all leaves of the table. */
  void checkLeafSize(long iova, int sizeLog2) {
    boolean isSize =
        (config.format().leafSizes() >>> sizeLog2 & 1) != 0
            && Long.compareUnsigned(granule(), 1L << sizeLog2) <= 0;
    if (!isSize) {
      throw refusal(Reason.MISALIGNED, iova, "no leaf has 2^%d bytes".formatted(sizeLog2));
    }
  }

  private long granule() {
    return Long.lowestOneBit(config.pageSizes());
  }

  private void checkAligned(long value, long address) {
    if ((value & (granule() - 1)) != 0) {
      throw refusal(
          Reason.MISALIGNED, address, "a multiple of %d is expected".formatted(granule()));
    }
  }

  private static PageTableException refusal(Reason reason, long address, String rule) {
    return new PageTableException(reason, address, "%s, at 0x%x".formatted(rule, address));
  }

  /** Why a space refused what these rules allow. */
  static PageTableException refusal(IoasException of) {
    if (of.getCause() instanceof PageTableException inTable) {
      return inTable;
    }
    Reason reason =
        switch (of.errno()) {
          case EEXIST -> Reason.ALREADY_MAPPED;
          case ENOENT -> Reason.NOT_MAPPED;
          case ENOMEM -> Reason.OUT_OF_TABLE_MEMORY;
          case EOVERFLOW -> Reason.OUT_OF_RANGE;
          default -> throw of;
        };
    return new PageTableException(reason, of.address(), String.valueOf(of.getMessage()));
  }
}
