package dev.cleave.hwmodel.iommu;

/**
 * What can differ from one IOMMU to another. Immutable; begin with {@link #standard} and change
 * what matters.
 *
 * @param features the extended feature register, as {@link Register} bits; SNP is added when there
 *     is an RMP
 * @param encryptionBit address bits of table entries and roots that choose encryption (SME's C-bit)
 *     and are no part of the address; 0 for none
 * @param guestAddresses which addresses a guest table translates
 * @param iotlb how large the IOTLB is
 * @param iotlbSizes bit n set: there are entries of 2^n bytes; bit 12 must be set. A leaf is cached
 *     as the largest that fits into it
 * @param directories how large the directory cache is
 * @param largeDirectoriesSurvive whether a cached directory that covers more than the range of an
 *     invalidation with PDE survives it, as large leaves do. Sources do not say; true is what shows
 *     a flush that is smaller than the table it retires
 * @param rmpCheckedOnHit whether the RMP is asked again when the IOTLB answers. Known behaviour
 *     suggests so: after a PSMASH accesses fault until the IOTLB is flushed
 * @param commandsOnTailWrite whether a write of the command tail runs the commands before it
 *     returns; otherwise somebody calls {@link Iommu#processCommands}
 * @param hasCxlAttribute whether bits 6:4 of a device table entry's first word are the CXL
 *     attribute of revision 3.11 and newer; else they are reserved
 * @param refusesHyperTransport whether DMA to FD_0000_0000 to FF_FFFF_FFFF is refused as a real
 *     part did; else it is translated. Linux keeps the range free of mappings
 * @param trustedIo what is chosen of trusted I/O, if there is an RMP
 * @param strict whether to count entries that are replaced while they may be held, see {@link
 *     Statistics#liveReplacements}. Slow, and hardware in use does not ask for it
 */
public record IommuConfig(
    long features,
    long encryptionBit,
    GuestAddresses guestAddresses,
    CacheShape iotlb,
    long iotlbSizes,
    CacheShape directories,
    boolean largeDirectoriesSurvive,
    boolean rmpCheckedOnHit,
    boolean commandsOnTailWrite,
    boolean hasCxlAttribute,
    boolean refusesHyperTransport,
    TrustedIo trustedIo,
    boolean strict) {

  /** Checks that the IOTLB can hold a page. */
  public IommuConfig {
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
    return new Draft().build();
  }

  /**
   * The same with other features.
   *
   * @param other the extended feature register
   * @return a new configuration
   */
  public IommuConfig withFeatures(long other) {
    Draft draft = new Draft(this);
    draft.features = other;
    return draft.build();
  }

  /**
   * The same with memory encryption.
   *
   * @param bit what chooses encryption in an address, 0 for nothing
   * @return a new configuration
   */
  public IommuConfig withEncryptionBit(long bit) {
    Draft draft = new Draft(this);
    draft.encryptionBit = bit;
    return draft.build();
  }

  /**
   * The same with guest tables: four and five levels, GCR3 tables of one to three levels, PASIDs of
   * 20 bits, and device table entries that send requests without PASID through them.
   *
   * @return a new configuration
   */
  public IommuConfig withGuestTables() {
    return withFeatures(features | Choices.GUEST_FEATURES);
  }

  /**
   * The same with another rule for addresses that guest tables translate.
   *
   * @param rule which they are
   * @return a new configuration
   */
  public IommuConfig withGuestAddresses(GuestAddresses rule) {
    Draft draft = new Draft(this);
    draft.guestAddresses = rule;
    return draft.build();
  }

  /**
   * The same with another IOTLB.
   *
   * @param shape how large
   * @param sizes bit n set: entries of 2^n bytes
   * @return a new configuration
   */
  public IommuConfig withIotlb(CacheShape shape, long sizes) {
    Draft draft = new Draft(this);
    draft.iotlb = shape;
    draft.iotlbSizes = sizes;
    return draft.build();
  }

  /**
   * The same with another directory cache.
   *
   * @param shape how large
   * @param largeSurvive whether directories larger than the range survive an invalidation
   * @return a new configuration
   */
  public IommuConfig withDirectories(CacheShape shape, boolean largeSurvive) {
    Draft draft = new Draft(this);
    draft.directories = shape;
    draft.largeDirectoriesSurvive = largeSurvive;
    return draft.build();
  }

  /**
   * The same without any cache of translations.
   *
   * @return a new configuration
   */
  public IommuConfig withoutCaches() {
    return withIotlb(CacheShape.NONE, iotlbSizes)
        .withDirectories(CacheShape.NONE, largeDirectoriesSurvive);
  }

  /**
   * The same with another moment for the RMP check.
   *
   * @param onHit whether the RMP is asked again when the IOTLB answers
   * @return a new configuration
   */
  public IommuConfig withRmpCheckedOnHit(boolean onHit) {
    Draft draft = new Draft(this);
    draft.rmpCheckedOnHit = onHit;
    return draft.build();
  }

  /**
   * The same with another moment for commands.
   *
   * @param onTailWrite whether a write of the tail runs them
   * @return a new configuration
   */
  public IommuConfig withCommandsOnTailWrite(boolean onTailWrite) {
    Draft draft = new Draft(this);
    draft.commandsOnTailWrite = onTailWrite;
    return draft.build();
  }

  /**
   * The same of another revision.
   *
   * @param has whether device table entries have the CXL attribute
   * @return a new configuration
   */
  public IommuConfig withCxlAttribute(boolean has) {
    Draft draft = new Draft(this);
    draft.hasCxlAttribute = has;
    return draft.build();
  }

  /**
   * The same with or without the HyperTransport range.
   *
   * @param refuses whether DMA to it is refused
   * @return a new configuration
   */
  public IommuConfig withHyperTransportRefused(boolean refuses) {
    Draft draft = new Draft(this);
    draft.refusesHyperTransport = refuses;
    return draft.build();
  }

  /**
   * The same with other trusted I/O.
   *
   * @param choices what it is like
   * @return a new configuration
   */
  public IommuConfig withTrustedIo(TrustedIo choices) {
    Draft draft = new Draft(this);
    draft.trustedIo = choices;
    return draft.build();
  }

  /**
   * The same in strict mode.
   *
   * @return a new configuration
   */
  public IommuConfig withStrict() {
    Draft draft = new Draft(this);
    draft.strict = true;
    return draft.build();
  }

  /** A configuration that can still be changed. */
  private static final class Draft {
    long features = Choices.FEATURES;
    long encryptionBit;
    GuestAddresses guestAddresses = Choices.GUEST_ADDRESSES;
    CacheShape iotlb = new CacheShape(8, 4);
    long iotlbSizes = Choices.IOTLB_SIZES;
    CacheShape directories = new CacheShape(6, 4);
    boolean largeDirectoriesSurvive = true;
    boolean rmpCheckedOnHit = true;
    boolean commandsOnTailWrite = true;
    boolean hasCxlAttribute = true;
    boolean refusesHyperTransport = true;
    TrustedIo trustedIo = TrustedIo.STANDARD;
    boolean strict;

    Draft() {}

    Draft(IommuConfig from) {
      features = from.features;
      encryptionBit = from.encryptionBit;
      guestAddresses = from.guestAddresses;
      iotlb = from.iotlb;
      iotlbSizes = from.iotlbSizes;
      directories = from.directories;
      largeDirectoriesSurvive = from.largeDirectoriesSurvive;
      rmpCheckedOnHit = from.rmpCheckedOnHit;
      commandsOnTailWrite = from.commandsOnTailWrite;
      hasCxlAttribute = from.hasCxlAttribute;
      refusesHyperTransport = from.refusesHyperTransport;
      trustedIo = from.trustedIo;
      strict = from.strict;
    }

    IommuConfig build() {
      return new IommuConfig(
          features,
          encryptionBit,
          guestAddresses,
          iotlb,
          iotlbSizes,
          directories,
          largeDirectoriesSurvive,
          rmpCheckedOnHit,
          commandsOnTailWrite,
          hasCxlAttribute,
          refusesHyperTransport,
          trustedIo,
          strict);
    }
  }
}
