package dev.cleave.bench.rival;

/**
 * What every rival of a page table can do. Addresses and lengths are multiples of 4096, ranges end
 * below the limit that the rival was made for.
 *
 * <p>Not thread-safe.
 */
public interface RivalTable extends AutoCloseable {
  /** What {@link #translate} returns for an address that is not mapped. */
  long NOT_MAPPED = -1;

  /**
   * Maps a range to contiguous memory.
   *
   * @param access a valid set of {@link dev.cleave.engine.format.Access} flags
   * @throws IllegalStateException when it comes to an address that is mapped; what lies before that
   *     address may then be mapped or not
   */
  void map(long iova, long paddr, long length, int access);

  /**
   * Takes a range out; holes are skipped.
   *
   * @return bytes that were mapped
   */
  long unmap(long iova, long length);

  /** The paddr of an address, or {@link #NOT_MAPPED}. */
  long translate(long iova);

  /**
   * Bytes that it takes, as {@link dev.cleave.bench.extent.ObjectBytes} counts them on the heap,
   * and outside of it.
   */
  long bytes();

  /** The refusal of a {@link #map}. */
  static IllegalStateException overlap(long iova) {
    return new IllegalStateException(
        "a range to map must be free, iova=0x%x is mapped".formatted(iova));
  }

  @Override
  default void close() {}
}
