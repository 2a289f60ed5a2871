package dev.cleave.hwmodel.dma;

/** What patterns have in common. */
final class Patterns {
  private Patterns() {}

  /** Memory is checked word by word. */
  static int requireWords(int bytes) {
    if (bytes <= 0 || bytes % Long.BYTES != 0) {
      throw new IllegalArgumentException(
          "a transfer must be a positive multiple of 8 bytes, length=%d".formatted(bytes));
    }
    return bytes;
  }

  static int requirePercent(int percent) {
    if (percent < 0 || percent > 100) {
      throw new IllegalArgumentException(
          "a share must be 0 to 100 percent, percent=%d".formatted(percent));
    }
    return percent;
  }
}
