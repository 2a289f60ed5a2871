package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import java.util.ArrayList;
import java.util.List;

/**
 * Sets of leaf sizes as the command line writes them. Thread-safe: functions of their arguments.
 */
final class PageSizes {
  private static final String ALL = "all";

  private PageSizes() {}

  /**
   * Reads a set.
   *
   * @param text {@code all}, or sizes with commas between
   * @param legal the sizes that there are, bit {@code s} for 2^s bytes
   * @return a bitmap like it
   * @throws BadInput if one is no legal size
   */
  static long parse(String text, long legal) {
    if (text.equals(ALL)) {
      return legal;
    }
    long sizes = 0;
    for (String word : text.split(",", -1)) {
      sizes |= parseOne(word, legal);
    }
    return sizes;
  }

  private static long parseOne(String word, long legal) {
    long bytes;
    try {
      bytes = Numbers.parse(word);
    } catch (IllegalArgumentException e) {
      throw new BadInput("--page-sizes: " + e.getMessage());
    }
    if (Long.bitCount(bytes) != 1 || (legal & bytes) == 0) {
      throw new BadInput(
          "--page-sizes: '%s' is not a leaf size, expected all or some of %s"
              .formatted(word, String.join(",", words(legal))));
    }
    return bytes;
  }

  /** The sizes of a set, smallest first. */
  static List<String> words(long sizes) {
    List<String> words = new ArrayList<>();
    for (long rest = sizes; rest != 0; rest &= rest - 1) {
      words.add(Numbers.size(Long.lowestOneBit(rest)));
    }
    return words;
  }
}
