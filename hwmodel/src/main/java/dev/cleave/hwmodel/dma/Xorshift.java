package dev.cleave.hwmodel.dma;

/** Numbers that look random: a few instructions each, the same for the same seed everywhere. */
final class Xorshift {
  private long state;

  Xorshift(long seed) {
    // Neighbouring seeds must not give neighbouring sequences, and zero would stay zero.
    state = ((seed + 1) * 0x9E37_79B9_7F4A_7C15L) | 1;
  }

  /** From 0 to bound - 1. */
  long below(long bound) {
    return Long.remainderUnsigned(next(), bound);
  }

  boolean chance(int percent) {
    return below(100) < percent;
  }

  private long next() {
    state ^= state << 13;
    state ^= state >>> 7;
    state ^= state << 17;
    return (state * 0x2545_F491_4F6C_DD1DL) >>> 1;
  }
}
