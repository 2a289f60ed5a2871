package dev.cleave.hwmodel.iommu;

/** A translation cache inside a device (ATS), which INVALIDATE_IOTLB_PAGES reaches. */
public interface DeviceCache {
  /**
   * Drops what lies in a range. Called by the hardware's thread.
   *
   * @param start first address, aligned to the range
   * @param rangeLog2 log2 of bytes, 12 to 51, or {@link Command#EVERYTHING_LOG2}
   * @return whether the device answers in time; if not, the IOMMU logs IOTLB_INV_TIMEOUT and goes
   *     on
   */
  boolean invalidate(long start, int rangeLog2);
}
