package dev.cleave.engine.format;

/** The SME C-bit, which lies inside the address field of both formats. */
final class EncryptionBit {
  private static final int LOWEST = 32;
  private static final int HIGHEST = 51;

  private EncryptionBit() {}

  /** The mask of a C-bit at a position that can be one. */
  static long mask(int bit) {
    if (bit < LOWEST || bit > HIGHEST) {
      throw new IllegalArgumentException(
          "the C-bit must be one of %d to %d, bit=%d".formatted(LOWEST, HIGHEST, bit));
    }
    return 1L << bit;
  }

  /** The mask itself, for a leaf that is to carry it. */
  static long required(long mask) {
    if (mask == 0) {
      throw new IllegalArgumentException("an encrypted mapping needs a format with a C-bit");
    }
    return mask;
  }
}
