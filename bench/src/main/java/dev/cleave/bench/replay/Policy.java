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
  REMAP("remap"),
  /** Map shared pages alone, each as 4 KiB from memory of their own: QEMU and Cloud Hypervisor. */
  SHARED_ONLY_4K("shared-only-4k"),
  /** Map shared pages alone, with hitless split, and merge as soon as a block is shared again. */
  SHARED_ONLY("shared-only"),
  /** The same, merging in batches what has been quiet for a while. */
  SHARED_ONLY_LAZY("shared-only-lazy"),
  /** Map all guest memory through the shared backing, whatever the page states. */
  STATIC("static");

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
   * Whether devices get the memory of shared pages and never a private page; then shared pages have
   * memory of their own.
   */
  public boolean isSharedBacked() {
    return switch (this) {
      case SHARED_ONLY_4K, SHARED_ONLY, SHARED_ONLY_LAZY, STATIC -> true;
      case FOLLOW, FOLLOW_LAZY, ALL_4K, REMAP -> false;
    };
  }

  /** Whether all its leaves are of 4 KiB. */
  public boolean hasSmallLeaves() {
    return this == ALL_4K || this == SHARED_ONLY_4K;
  }

  /** Whether the RMP has 2 MiB entries under it; where leaves do not depend on them, none are. */
  boolean hasLargeRmpEntries() {
    return this != ALL_4K && !isSharedBacked();
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
