package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.format.X86;
import org.jspecify.annotations.Nullable;

/** The rules for x86-64, AMD v2 included. Source: {@code docs/spec/amd-vi.md} §2. */
record X86Rules(X86 format) implements EntryRules {
  @Override
  public @Nullable Rule refusal(long entry, int level) {
    if (X86.reservedBits(entry, level) == 0) {
      return null;
    }
    boolean mayBeLeaf = (format.leafSizes() >>> Geometry.entryLog2(level) & 1) != 0;
    return mayBeLeaf ? Rule.RESERVED_BITS : Rule.PAGE_SIZE_LEVEL;
  }

  @Override
  public @Nullable Rule doubt(long leaf, int level) {
    return null;
  }

  @Override
  public String detail(Rule rule, long entry, int level) {
    return switch (rule) {
      case RESERVED_BITS ->
          "bits %s must be zero in a leaf of %s"
              .formatted(
                  Numbers.hex(X86.reservedBits(entry, level)),
                  Numbers.size(1L << Geometry.entryLog2(level)));
      case PAGE_SIZE_LEVEL ->
          "PS is set at level %d, where only directories may stand".formatted(level);
      default -> throw new IllegalArgumentException("not a rule of one entry: " + rule);
    };
  }

  @Override
  public int nextLevel(long directory, int level) {
    return level - 1;
  }

  @Override
  public int nextLevelField(long entry) {
    return 0;
  }

  @Override
  public int slots(long leaf, int level) {
    return 1;
  }
}
