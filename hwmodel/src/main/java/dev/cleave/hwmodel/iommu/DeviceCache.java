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

  /**
   * Drops what lies in a range of a process (GN=1). A device that does not tell processes apart
   * drops it for all.
   *
   * @param pasid 0 to 0xfffff
   * @param start first address, aligned to the range
   * @param rangeLog2 log2 of bytes, 12 to 51, or {@link Command#EVERYTHING_LOG2}
   * @return as {@link #invalidate(long, int)}
   */
  default boolean invalidate(int pasid, long start, int rangeLog2) {
    return invalidate(start, rangeLog2);
  }
}
