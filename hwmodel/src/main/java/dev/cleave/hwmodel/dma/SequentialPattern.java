package dev.cleave.hwmodel.dma;

/** From the first byte to the last and again: a disk that streams. */
public final class SequentialPattern implements AccessPattern {
  private final IovaRanges ranges;
  private final int transferBytes;
  private final boolean write;
  private long offset;

  /**
   * A stream.
   *
   * @param ranges the memory
   * @param transferBytes length of a transfer, a positive multiple of 8; shorter at the end of a
   *     range
   * @param write whether the device writes
   */
  public SequentialPattern(IovaRanges ranges, int transferBytes, boolean write) {
    this.ranges = ranges;
    this.transferBytes = Patterns.requireWords(transferBytes);
    this.write = write;
  }

  @Override
  public void next(Transfer transfer) {
    int bytes = ranges.contiguous(offset, transferBytes);
    transfer.set(ranges.iova(offset), bytes, write);
    offset += bytes;
    if (offset == ranges.bytes()) {
      offset = 0;
    }
  }
}
