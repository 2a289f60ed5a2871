package dev.cleave.hwmodel.iommu;

/**
 * A set-associative cache of ranges of powers of two: the storage of the IOTLB and of the directory
 * cache. Entries carry a tag (see {@link CacheTag}), a value that is never zero and a source: the
 * address that the host table translated, of which the range is a piece; that is the range itself
 * unless there is a guest table. The least recently used of a set makes room.
 *
 * <pre>
 *  words[4 i]      base of the range | log2 of its bytes; 0 = free
 *  words[4 i + 1]  tag
 *  words[4 i + 2]  value
 *  words[4 i + 3]  time of last use
 *  sources[i]      base of the range in the host table's address space
 * </pre>
 *
 * <p>For the hardware's thread only.
 */
final class TranslationCache {
  private static final int WORDS = 4;
  private static final int LOG2_MASK = 63;
  private static final long TAG_STRIDE = 37;
  private static final long SIZE_STRIDE = 11;

  private final int setWords;
  private final int setMask;
  private final long[] words;
  private final long[] sources;
  private final int[] population = new int[64];
  private long populated;
  private long clock;

  /** Without ways nothing is ever kept. */
  TranslationCache(CacheShape shape) {
    this.setWords = shape.ways() * WORDS;
    this.setMask = (1 << shape.setsLog2()) - 1;
    this.words = new long[setWords << shape.setsLog2()];
    this.sources = new long[words.length / WORDS];
  }

  /** Bit n set: there are entries of 2^n bytes. */
  long populated() {
    return populated;
  }

  /** The value for an address among the entries of one size, or 0. */
  long find(long tag, long iova, int log2) {
    int at = locate(tag, iova, log2);
    return at < 0 ? 0 : words[at + 2];
  }

  /** Where the entry of one size for an address is, or -1; good until the next {@link #put}. */
  int locate(long tag, long iova, int log2) {
    long key = (iova & (-1L << log2)) | log2;
    int at = firstOfSet(tag, iova, log2);
    for (int end = at + setWords; at < end; at += WORDS) {
      if (words[at] == key && words[at + 1] == tag) {
        words[at + 3] = ++clock;
        return at;
      }
    }
    return -1;
  }

  /** The value of a located entry. */
  long value(int at) {
    return words[at + 2];
  }

  /** The source of a located entry. */
  long source(int at) {
    return sources[at / WORDS];
  }

  /** Keeps a value whose range is its own source. */
  void put(long tag, long iova, int log2, long value) {
    put(tag, iova, log2, value, iova);
  }

  /** Keeps a value, in place of what was known for the same range, or of the oldest. */
  void put(long tag, long iova, int log2, long value, long source) {
    if (setWords == 0) {
      return;
    }
    long key = (iova & (-1L << log2)) | log2;
    int at = firstOfSet(tag, iova, log2);
    int chosen = at;
    for (int end = at + setWords; at < end; at += WORDS) {
      if (words[at] == key && words[at + 1] == tag) {
        chosen = at;
        break;
      }
      if (words[at + 3] < words[chosen + 3]) {
        chosen = at;
      }
    }
    free(chosen);
    words[chosen] = key;
    words[chosen + 1] = tag;
    words[chosen + 2] = value;
    words[chosen + 3] = ++clock;
    sources[chosen / WORDS] = source & (-1L << log2);
    population[log2]++;
    populated |= 1L << log2;
  }

  /**
   * Drops entries that lie inside a range, of all tags that agree with one in a mask; larger
   * entries survive.
   *
   * @param bySource whether the range means sources
   * @return how many
   */
  int dropInside(long tag, long mask, long start, int rangeLog2, boolean bySource) {
    if (rangeLog2 >= Long.SIZE) {
      return dropTags(tag, mask);
    }
    if ((populated & ((2L << rangeLog2) - 1)) == 0) {
      return 0;
    }
    int dropped = 0;
    for (int at = 0; at < words.length; at += WORDS) {
      if (isTagged(at, tag, mask)
          && log2(at) <= rangeLog2
          && ((bySource ? source(at) : words[at]) ^ start) >>> rangeLog2 == 0) {
        free(at);
        dropped++;
      }
    }
    return dropped;
  }

  /**
   * Drops entries that share an address with a range, larger ones as well, of all tags that agree
   * with one in a mask.
   *
   * @return how many
   */
  int dropTouching(long tag, long mask, long start, int rangeLog2) {
    if (rangeLog2 >= Long.SIZE) {
      return dropTags(tag, mask);
    }
    int dropped = 0;
    for (int at = 0; at < words.length; at += WORDS) {
      if (isTagged(at, tag, mask) && (words[at] ^ start) >>> Math.max(rangeLog2, log2(at)) == 0) {
        free(at);
        dropped++;
      }
    }
    return dropped;
  }

  /**
   * Drops entries whose value, of which only the bits of a mask count, lies in an aligned range.
   *
   * @return how many
   */
  int dropValues(long mask, long start, int rangeLog2) {
    int dropped = 0;
    for (int at = 0; at < words.length; at += WORDS) {
      long value = words[at + 2] & mask;
      if (words[at] != 0 && (value ^ start) >>> Math.max(rangeLog2, log2(at)) == 0) {
        free(at);
        dropped++;
      }
    }
    return dropped;
  }

  /**
   * Drops everything.
   *
   * @return how many
   */
  int clear() {
    int dropped = 0;
    for (int at = 0; at < words.length; at += WORDS) {
      if (words[at] != 0) {
        free(at);
        dropped++;
      }
    }
    return dropped;
  }

  private boolean isTagged(int at, long tag, long mask) {
    return words[at] != 0 && (words[at + 1] & mask) == tag;
  }

  private int dropTags(long tag, long mask) {
    int dropped = 0;
    for (int at = 0; at < words.length; at += WORDS) {
      if (isTagged(at, tag, mask)) {
        free(at);
        dropped++;
      }
    }
    return dropped;
  }

  private int log2(int at) {
    return (int) words[at] & LOG2_MASK;
  }

  private void free(int at) {
    if (words[at] != 0) {
      int log2 = log2(at);
      if (--population[log2] == 0) {
        populated &= ~(1L << log2);
      }
      words[at] = 0;
      words[at + 3] = 0;
    }
  }

  /** Neighbouring ranges go to neighbouring sets, other tags and sizes begin elsewhere. */
  private int firstOfSet(long tag, long iova, int log2) {
    long begin = tag * TAG_STRIDE + log2 * SIZE_STRIDE;
    return (int) (((iova >>> log2) + begin) & setMask) * setWords;
  }
}
