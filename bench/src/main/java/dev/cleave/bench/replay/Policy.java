package dev.cleave.bench.replay;

import java.util.Arrays;
import java.util.stream.Collectors;

/** How an IOMMU table follows the RMP. */
public enum Policy {
  /** Split at once, merge as soon as it is legal. */
  FOLLOW("follow"),
  /** Split at once, merge in batches what has been quiet for a while. */
  FOLLOW_LAZY("follow-lazy"),
  /** Leaves and RMP entries of 4 KiB everywhere, which need not follow: what Linux does today. */
  ALL_4K("all-4k"),
  /** Unmap the regions that change and map them again: devices meet a gap. */
  REMAP("remap");

  private final String word;

  Policy(String word) {
    this.word = word;
  }

  /** The policy's name on the command line. */
  public String word() {
    return word;
  }

  /** Whether it changes table and RMP in an order that can be chosen. */
  public boolean hasOrder() {
    return this == FOLLOW || this == FOLLOW_LAZY;
  }

  /**
   * Finds a policy.
   *
   * @param word its name on the command line
   * @throws IllegalArgumentException naming all of them, if there is none of that name
   */
  public static Policy of(String word) {
    for (Policy policy : values()) {
      if (policy.word.equals(word)) {
        return policy;
      }
    }
    throw new IllegalArgumentException(
        "'%s' is not a policy, expected %s"
            .formatted(
                word, Arrays.stream(values()).map(Policy::word).collect(Collectors.joining(", "))));
  }
}
