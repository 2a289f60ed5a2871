package dev.cleave.bench.image.table;

import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.X86;
import org.jspecify.annotations.Nullable;

/**
 * Judges one present entry by itself, as its format wants it.
 *
 * <p>Immutable and thread-safe.
 */
sealed interface EntryRules permits V1Rules, X86Rules {
  /** The rules of a format. */
  static EntryRules of(EntryFormat format) {
    return switch (format) {
      case AmdV1 v1 -> new V1Rules(v1);
      case X86 x86 -> new X86Rules(x86);
    };
  }

  /** The rule for which hardware refuses the entry, null when it does not. */
  @Nullable Rule refusal(long entry, int level);

  /** The rule that a leaf breaks although hardware may translate by it, null for none. */
  @Nullable Rule doubt(long leaf, int level);

  /** What is wrong, in words. */
  String detail(Rule rule, long entry, int level);

  /** Level of the table that a directory points at. */
  int nextLevel(long directory, int level);

  /** The raw NextLevel field of an entry, 0 where the format has none. */
  int nextLevelField(long entry);

  /** Number of slots that hold a leaf alike. */
  int slots(long leaf, int level);
}
