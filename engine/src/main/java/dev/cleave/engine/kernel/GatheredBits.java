package dev.cleave.engine.kernel;

/**
 * Which words had a bit, as {@link TableKernels#gather} finds it, and what that needs to find it:
 * made once, since nothing is made on the way. It has a place for each of {@value #MAX_COUNT}
 * words: 64 tables. Belongs to one thread at a time.
 */
public final class GatheredBits {
  /** Words that it has a place for. */
  public static final int MAX_COUNT = 64 * 512;

  /**
   * Words of each of two runs that are looked at before their flags are: then those are still near
   * (benchmark {@code DirtySweep}, 0.1 % dirty: 1.59 times reading with flags for 16384 words, 1.53
   * for 2048).
   */
  static final int PIECE = 2048;

  private final long[] words = new long[MAX_COUNT / Long.SIZE];

  /** A byte for each pair of words, 1 or 0. */
  final byte[] flags = new byte[PIECE];

  /** Nothing found yet. */
  public GatheredBits() {}

  /**
   * The bits of 64 words.
   *
   * @param place of the first of them, a multiple of 64
   * @return a bit for each, the lowest for the first; anything for words that nobody asked for
   */
  public long from(int place) {
    return words[place / Long.SIZE];
  }

  /**
   * Whether any of 512 words has the bit: of those of a table.
   *
   * @param place of the first of them, a multiple of 64
   * @return false when all are without
   */
  public boolean anyInTable(int place) {
    int at = place / Long.SIZE;
    return (words[at]
            | words[at + 1]
            | words[at + 2]
            | words[at + 3]
            | words[at + 4]
            | words[at + 5]
            | words[at + 6]
            | words[at + 7])
        != 0;
  }

  /**
   * Which groups of 64 words, of the eight of a table, have any with the bit. It takes no branch,
   * so that who wants only those need not try each (benchmark {@code DirtySweep}, 0.1 % dirty: 1.60
   * and 1.55 times reading).
   *
   * @param place of the first word of the table, a multiple of 64
   * @return a bit for each group, the lowest for the first
   */
  public int groupsInTable(int place) {
    int at = place / Long.SIZE;
    return any(words[at])
        | any(words[at + 1]) << 1
        | any(words[at + 2]) << 2
        | any(words[at + 3]) << 3
        | any(words[at + 4]) << 4
        | any(words[at + 5]) << 5
        | any(words[at + 6]) << 6
        | any(words[at + 7]) << 7;
  }

  private static int any(long bits) {
    return (int) ((bits | -bits) >>> (Long.SIZE - 1));
  }

  /**
   * Sets the bits of 64 words.
   *
   * @param place of the first of them, a multiple of 64
   * @param bits a bit for each, the lowest for the first
   */
  public void set(int place, long bits) {
    words[place / Long.SIZE] = bits;
  }

  /**
   * Says of 512 words that none has the bit.
   *
   * @param place of the first of them, a multiple of 64
   */
  void clearTable(int place) {
    int at = place / Long.SIZE;
    words[at] = 0;
    words[at + 1] = 0;
    words[at + 2] = 0;
    words[at + 3] = 0;
    words[at + 4] = 0;
    words[at + 5] = 0;
    words[at + 6] = 0;
    words[at + 7] = 0;
  }
}
