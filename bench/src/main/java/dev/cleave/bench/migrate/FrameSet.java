package dev.cleave.bench.migrate;

import java.util.Arrays;

/**
 * Some of the pages of memory, by number.
 *
 * <p>Not thread-safe.
 */
final class FrameSet {
  private final int frames;
  private final long[] words;

  /** An empty set of some of so many pages. */
  FrameSet(int frames) {
    this.frames = frames;
    this.words = new long[(frames + Long.SIZE - 1) / Long.SIZE];
  }

  /** Makes it hold what the last read reported, and nothing else. */
  void take(Iterable<TrackedExtent> extents) {
    Arrays.fill(words, 0);
    for (TrackedExtent extent : extents) {
      for (int i = 0; i < extent.words(); i++) {
        addWord(extent.firstFrame + i * Long.SIZE, extent.word(i));
      }
    }
  }

  /** Adds up to 64 pages in a row. */
  private void addWord(int first, long bits) {
    if (bits != 0) {
      int shift = first % Long.SIZE;
      words[first / Long.SIZE] |= bits << shift;
      if (shift != 0 && bits >>> (Long.SIZE - shift) != 0) {
        words[first / Long.SIZE + 1] |= bits >>> (Long.SIZE - shift);
      }
    }
  }

  /** Makes it hold every page. */
  void addAll() {
    Arrays.fill(words, -1L);
    int behind = words.length * Long.SIZE - frames;
    words[words.length - 1] >>>= behind;
  }

  /** How many pages it holds. */
  int count() {
    int count = 0;
    for (long word : words) {
      count += Long.bitCount(word);
    }
    return count;
  }

  /** Whether it holds a page. */
  boolean holds(int frame) {
    return (words[frame / Long.SIZE] >>> frame & 1) != 0;
  }

  /** The first page from one on that it holds, or -1. */
  int next(int from) {
    int index = from / Long.SIZE;
    if (index >= words.length) {
      return -1;
    }
    long word = words[index] & -1L << from;
    while (word == 0) {
      if (++index == words.length) {
        return -1;
      }
      word = words[index];
    }
    return index * Long.SIZE + Long.numberOfTrailingZeros(word);
  }
}
