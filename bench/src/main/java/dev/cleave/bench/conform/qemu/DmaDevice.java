package dev.cleave.bench.conform.qemu;

/**
 * Does DMA through the IOMMU, eight bytes an access.
 *
 * <p>Belongs to one thread at a time.
 */
public interface DmaDevice {
  /**
   * The most accesses in one call.
   *
   * @return number of reads or writes
   */
  int mostAtOnce();

  /**
   * Reads.
   *
   * @param iovas addresses, multiples of 8
   * @return what was read at each, 0 where the access was refused
   */
  long[] read(long[] iovas);

  /**
   * Whether the device can be told to write somewhere at all, whatever the IOMMU says of it.
   *
   * @param iova an address
   * @return true, but for addresses that mean something else to the device
   */
  default boolean canWrite(long iova) {
    return true;
  }

  /**
   * Writes 64 bytes at each address, or fewer; where an access is refused nothing changes.
   *
   * @param iovas addresses, multiples of 64
   * @param values the word to write at each address at least once
   */
  void write(long[] iovas, long[] values);
}
