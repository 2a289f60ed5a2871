package dev.cleave.hwmodel.iommu;

/**
 * By what device table entries are judged.
 *
 * @param features the extended feature register
 * @param reservedQ0 bits of the first word that must be zero
 * @param encryptionBit address bits that choose encryption and are no part of the address
 * @param trustedIo what is chosen of trusted I/O
 */
record DeviceRules(long features, long reservedQ0, long encryptionBit, TrustedIo trustedIo) {
  static DeviceRules of(IommuConfig config, long features) {
    return new DeviceRules(
        features,
        Choices.DEVICE_ENTRY_RESERVED_Q0
            | (config.hasCxlAttribute() ? 0 : DeviceTableEntry.CXL_ATTRIBUTE),
        config.encryptionBit(),
        config.trustedIo());
  }
}
