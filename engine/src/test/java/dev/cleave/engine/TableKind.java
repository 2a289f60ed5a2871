package dev.cleave.engine;

import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.X86;
import java.util.stream.Stream;

/**
 * The tables that every operation must treat alike: both formats, both depths of the second, and
 * iovas in the upper half of a sign-extended space.
 */
public enum TableKind {
  /** Three levels that grow, leaves of every size. */
  AMD_V1(PageTableConfig.of(AmdV1.LINUX), 0),
  /** Four levels, as a nested table. */
  X86_4_LEVELS(PageTableConfig.of(marked()), 0),
  /** Five levels, as a nested table. */
  X86_5_LEVELS(PageTableConfig.of(marked()).withLevels(5), 0),
  /** Four levels, as a guest table that a processor shares, and iovas below 2^64. */
  X86_4_LEVELS_UPPER_HALF(PageTableConfig.of(marked()).withSignExtension(), -(1L << 46)),
  /** Five levels, likewise. */
  X86_5_LEVELS_UPPER_HALF(
      PageTableConfig.of(marked()).withLevels(5).withSignExtension(), -(1L << 55));

  @SuppressWarnings("ImmutableEnumChecker") // it is, as its documentation says
  private final PageTableConfig config;

  private final long base;

  TableKind(PageTableConfig config, long base) {
    this.config = config;
    this.base = base;
  }

  /** Born without accessed and dirty bits, so that tests can tell who set them. */
  private static X86 marked() {
    return X86.LINUX.withHardwareStatus();
  }

  /**
   * Those whose iovas begin at 0, as guest physical addresses do.
   *
   * @return for a method source
   */
  public static Stream<TableKind> fromZero() {
    return Stream.of(values()).filter(kind -> kind.base == 0);
  }

  /**
   * What a table of this kind is like.
   *
   * @return a configuration
   */
  public PageTableConfig config() {
    return config;
  }

  /** The same on a host with memory encryption. */
  PageTableConfig withEncryptionBit(int bit) {
    EntryFormat format =
        switch (config.format()) {
          case AmdV1 v1 -> v1.withEncryptionBit(bit);
          case X86 x86 -> x86.withEncryptionBit(bit);
        };
    return new PageTableConfig(
        format,
        config.levels(),
        config.pageSizes(),
        config.iovaBits(),
        format.outputBits(),
        config.signExtended());
  }

  /**
   * Where the iovas of a test begin.
   *
   * @return a multiple of every leaf size, with much space behind
   */
  public long base() {
    return base;
  }

  /** Everything that a mapping can be asked to permit. */
  int[] accesses() {
    int r = Access.READ;
    int rw = Access.READ_WRITE;
    return this == AMD_V1
        ? new int[] {r, Access.WRITE, rw}
        : new int[] {r, rw, r | Access.NO_EXECUTE, rw | Access.NO_EXECUTE};
  }
}
