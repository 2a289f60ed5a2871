package dev.cleave.hwmodel.iommu;

/**
 * What can differ from one IOMMU to another. Immutable.
 *
 * @param features the extended feature register, as {@link Register} bits; SNP is added when there
 *     is an RMP
 * @param iotlbSetsLog2 log2 of the IOTLB's sets
 * @param iotlbWays entries in a set; 0 for no IOTLB
 * @param iotlbSizes bit n set: there are entries of 2^n bytes; bit 12 must be set. A leaf is cached
 *     as the largest that fits into it
 * @param directorySetsLog2 log2 of the directory cache's sets
 * @param directoryWays entries in a set; 0 for no directory cache
 * @param largeDirectoriesSurvive whether a cached directory that covers more than the range of an
 *     invalidation with PDE survives it, as large leaves do. Sources do not say; true is what shows
 *     a flush that is smaller than the table it retires
 * @param rmpCheckedOnHit whether the RMP is asked again when the IOTLB answers. Known behaviour
 *     suggests so: after a PSMASH accesses fault until the IOTLB is flushed
 * @param commandsOnTailWrite whether a write of the command tail runs the commands before it
 *     returns; otherwise somebody calls {@link Iommu#processCommands}
 * @param strict whether to count entries that are replaced while they may be held, see {@link
 *     Statistics#liveReplacements}. Slow, and hardware in use does not ask for it
 */
public record IommuConfig(
    long features,
    int iotlbSetsLog2,
    int iotlbWays,
    long iotlbSizes,
    int directorySetsLog2,
    int directoryWays,
    boolean largeDirectoriesSurvive,
    boolean rmpCheckedOnHit,
    boolean commandsOnTailWrite,
    boolean strict) {

  /** Checks that the caches can be built. */
  public IommuConfig {
    requireCache("IOTLB", iotlbSetsLog2, iotlbWays);
    requireCache("directory cache", directorySetsLog2, directoryWays);
    if ((iotlbSizes & 1L << 12) == 0 || (iotlbSizes & (1L << 12) - 1) != 0) {
      throw new IllegalArgumentException(
          "IOTLB sizes must include 4096 and nothing smaller, sizes=0x%x".formatted(iotlbSizes));
    }
  }

  /**
   * Six levels, A and D, an IOTLB of 1024 and a directory cache of 256 entries, all four-way, and
   * commands that run at the write of the tail.
   *
   * @return the usual model
   */
  public static IommuConfig standard() {
    return new IommuConfig(
        Choices.FEATURES, 8, 4, Choices.IOTLB_SIZES, 6, 4, true, true, true, false);
  }

  /**
   * The same with other features.
   *
   * @param other the extended feature register
   * @return a new configuration
   */
  public IommuConfig withFeatures(long other) {
    return new IommuConfig(
        other,
        iotlbSetsLog2,
        iotlbWays,
        iotlbSizes,
        directorySetsLog2,
        directoryWays,
        largeDirectoriesSurvive,
        rmpCheckedOnHit,
        commandsOnTailWrite,
        strict);
  }

  /**
   * The same with another IOTLB.
   *
   * @param setsLog2 log2 of its sets
   * @param ways entries in a set, 0 for none
   * @param sizes bit n set: entries of 2^n bytes
   * @return a new configuration
   */
  public IommuConfig withIotlb(int setsLog2, int ways, long sizes) {
    return new IommuConfig(
        features,
        setsLog2,
        ways,
        sizes,
        directorySetsLog2,
        directoryWays,
        largeDirectoriesSurvive,
        rmpCheckedOnHit,
        commandsOnTailWrite,
        strict);
  }

  /**
   * The same with another directory cache.
   *
   * @param setsLog2 log2 of its sets
   * @param ways entries in a set, 0 for none
   * @param largeSurvive whether directories larger than the range survive an invalidation
   * @return a new configuration
   */
  public IommuConfig withDirectories(int setsLog2, int ways, boolean largeSurvive) {
    return new IommuConfig(
        features,
        iotlbSetsLog2,
        iotlbWays,
        iotlbSizes,
        setsLog2,
        ways,
        largeSurvive,
        rmpCheckedOnHit,
        commandsOnTailWrite,
        strict);
  }

  /**
   * The same with another moment for the RMP check.
   *
   * @param onHit whether the RMP is asked again when the IOTLB answers
   * @return a new configuration
   */
  public IommuConfig withRmpCheckedOnHit(boolean onHit) {
    return new IommuConfig(
        features,
        iotlbSetsLog2,
        iotlbWays,
        iotlbSizes,
        directorySetsLog2,
        directoryWays,
        largeDirectoriesSurvive,
        onHit,
        commandsOnTailWrite,
        strict);
  }

  /**
   * The same with another moment for commands.
   *
   * @param onTailWrite whether a write of the tail runs them
   * @return a new configuration
   */
  public IommuConfig withCommandsOnTailWrite(boolean onTailWrite) {
    return new IommuConfig(
        features,
        iotlbSetsLog2,
        iotlbWays,
        iotlbSizes,
        directorySetsLog2,
        directoryWays,
        largeDirectoriesSurvive,
        rmpCheckedOnHit,
        onTailWrite,
        strict);
  }

  /**
   * The same in strict mode.
   *
   * @return a new configuration
   */
  public IommuConfig withStrict() {
    return new IommuConfig(
        features,
        iotlbSetsLog2,
        iotlbWays,
        iotlbSizes,
        directorySetsLog2,
        directoryWays,
        largeDirectoriesSurvive,
        rmpCheckedOnHit,
        commandsOnTailWrite,
        true);
  }

  /**
   * The same without any cache of translations.
   *
   * @return a new configuration
   */
  public IommuConfig withoutCaches() {
    return withIotlb(0, 0, iotlbSizes).withDirectories(0, 0, largeDirectoriesSurvive);
  }

  private static void requireCache(String which, int setsLog2, int ways) {
    if (setsLog2 < 0 || setsLog2 > 20 || ways < 0 || ways > 64) {
      throw new IllegalArgumentException(
          "%s must have 2^0 to 2^20 sets of 0 to 64 ways, log2 of sets=%d, ways=%d"
              .formatted(which, setsLog2, ways));
    }
  }
}
