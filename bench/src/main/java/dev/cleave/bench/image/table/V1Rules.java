package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.Geometry;
import org.jspecify.annotations.Nullable;

/**
 * The rules for AMD v1. Source: {@code docs/spec/amd-vi.md} §1, {@code
 * docs/spec/iommu-behaviour.md} §1 checks 15 to 18.
 */
record V1Rules(AmdV1 format) implements EntryRules {
  private static final int TOP_LEVEL = 6;
  private static final int ERRATUM_LOG2 = 39;

  @Override
  public @Nullable Rule refusal(long entry, int level) {
    if (AmdV1.reservedBits(entry) != 0) {
      return Rule.RESERVED_BITS;
    }
    if (!format.isLeaf(entry, level)) {
      return AmdV1.nextLevel(entry) < level ? null : Rule.NEXT_LEVEL;
    }
    if (level == TOP_LEVEL) {
      return Rule.LEAF_AT_TOP;
    }
    return AmdV1.isSized(entry) && !sizeBelongs(entry, level) ? Rule.LEAF_SIZE : null;
  }

  private boolean sizeBelongs(long entry, int level) {
    int sizeLog2 = format.leafSizeLog2(entry, level);
    return (format.leafSizes() >>> sizeLog2 & 1) != 0
        && Geometry.leafLevel(sizeLog2) == level
        && Geometry.slotsLog2(sizeLog2) != 0;
  }

  @Override
  public @Nullable Rule doubt(long leaf, int level) {
    if (format.leafSizeLog2(leaf, level) == ERRATUM_LOG2) {
      return Rule.ERRATUM_512G;
    }
    // Without a size of its own the whole field is the address: as if it were one of 4 KiB.
    return !AmdV1.isSized(leaf) && format.leafPaddr(leaf, 1) != format.leafPaddr(leaf, level)
        ? Rule.UNALIGNED_ADDRESS
        : null;
  }

  @Override
  public String detail(Rule rule, long entry, int level) {
    return switch (rule) {
      case RESERVED_BITS ->
          "bits %s must be zero".formatted(Numbers.hex(AmdV1.reservedBits(entry)));
      case NEXT_LEVEL ->
          "NextLevel %d in a table of level %d, expected a lower one"
              .formatted(AmdV1.nextLevel(entry), level);
      case LEAF_AT_TOP -> "a leaf at level 6, where only directories may stand";
      case LEAF_SIZE ->
          "a sized leaf of 2^%d bytes at level %d, expected 2^%d to 2^%d"
              .formatted(
                  format.leafSizeLog2(entry, level),
                  level,
                  Geometry.entryLog2(level) + 1,
                  Math.min(
                          Geometry.entryLog2(level + 1),
                          Long.SIZE - Long.numberOfLeadingZeros(format.leafSizes()))
                      - 1);
      case ERRATUM_512G -> "a leaf of 512 GiB, which an erratum forbids";
      case UNALIGNED_ADDRESS ->
          "address %s is not a multiple of the leaf's %s"
              .formatted(
                  Numbers.hex(format.leafPaddr(entry, 1)),
                  Numbers.size(1L << format.leafSizeLog2(entry, level)));
      default -> throw new IllegalArgumentException("not a rule of one entry: " + rule);
    };
  }

  @Override
  public int nextLevel(long directory, int level) {
    return AmdV1.nextLevel(directory);
  }

  @Override
  public int nextLevelField(long entry) {
    return AmdV1.nextLevel(entry);
  }

  @Override
  public int slots(long leaf, int level) {
    return AmdV1.isSized(leaf) ? 1 << Geometry.slotsLog2(format.leafSizeLog2(leaf, level)) : 1;
  }
}
