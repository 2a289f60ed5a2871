package dev.cleave.engine.kernel;

/**
 * Which of up to 512 words had a bit, as {@link TableKernels#gather} finds it, and what it needs
 * for that: made once, since nothing is made on the way. Belongs to one thread at a time.
 */
public final class GatheredBits {
  /** Words at most: a table. */
  public static final int MAX_COUNT = 512;

  private final long[] words = new long[MAX_COUNT / Long.SIZE];

  /** A byte for each word, 1 or 0. */
  final byte[] flags = new byte[MAX_COUNT];

  /** Nothing found yet. */
  public GatheredBits() {}

  /**
   * The bits of 64 words.
   *
   * @param index of the first of them, a multiple of 64
   * @return a bit for each, the lowest for the first; 0 for words that nobody asked for
   */
  public long from(int index) {
    return words[index / Long.SIZE];
  }

  /**
   * Sets the bits of 64 words.
   *
   * @param index of the first of them, a multiple of 64
   * @param bits a bit for each, the lowest for the first
   */
  public void set(int index, long bits) {
    words[index / Long.SIZE] = bits;
  }
}
