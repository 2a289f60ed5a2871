package dev.cleave.engine.ioas;

/** Memory with holes and pages that may not be written, frame by frame. */
final class TestMemory implements Backing {
  static final long PAGE = 4096;
  private static final long NO_FRAME = -1;

  private final long[] frames;
  private final boolean isWritable;

  TestMemory(long[] frames, boolean isWritable) {
    this.frames = frames;
    this.isWritable = isWritable;
  }

  /** A piece from a frame on, as long as it has pages. */
  static TestMemory contiguous(long frame, int pages) {
    long[] frames = new long[pages];
    for (int i = 0; i < pages; i++) {
      frames[i] = frame + i;
    }
    return new TestMemory(frames, true);
  }

  static boolean isHole(long frame) {
    return frame == NO_FRAME;
  }

  @Override
  public long paddr(long offset, boolean isWritten) {
    long page = offset / PAGE;
    if (page < 0 || page >= frames.length || isHole(frames[(int) page])) {
      return NONE;
    }
    return isWritten && !isWritable ? NONE : frames[(int) page] * PAGE + offset % PAGE;
  }

  @Override
  public long contiguous(long offset, long length) {
    long end = offset + 1;
    while (end < offset + length
        && (end % PAGE != 0
            || (end / PAGE < frames.length
                && frames[(int) (end / PAGE)] == frames[(int) (end / PAGE) - 1] + 1
                && !isHole(frames[(int) (end / PAGE) - 1])))) {
      end = Math.min(offset + length, (end / PAGE + 1) * PAGE);
    }
    return end - offset;
  }
}
