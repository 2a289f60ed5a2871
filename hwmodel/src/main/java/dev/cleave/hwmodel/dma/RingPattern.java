package dev.cleave.hwmodel.dma;

/**
 * A network card that receives. For each packet it reads a 16-byte descriptor of a ring, writes the
 * packet into the buffer that belongs to it and writes the descriptor back.
 *
 * <pre>
 *  offset 0            ring: 16 bytes for each descriptor, rounded up to pages
 *  then                one buffer of 2 KiB for each descriptor
 * </pre>
 *
 * <p>Half of the packets have 64 bytes (acknowledgements), the others 1512 (a full frame, rounded
 * down to words): the two sizes that dominate real traffic.
 */
public final class RingPattern implements AccessPattern {
  private static final int DESCRIPTOR_BYTES = 16;
  private static final int BUFFER_BYTES = 2048;
  private static final int SHORT_BYTES = 64;
  private static final int FULL_BYTES = 1512;
  private static final int SHORT_PERCENT = 50;
  private static final int PAGE_BYTES = 4096;

  private enum Step {
    FETCH,
    PACKET,
    WRITE_BACK
  }

  private final IovaRanges ranges;
  private final int descriptors;
  private final long buffers;
  private final Xorshift random;
  private int index;
  private Step step = Step.FETCH;

  /**
   * A card.
   *
   * @param ranges the memory for ring and buffers
   * @param descriptors of the ring, at least 1
   * @param seed what the packet sizes depend on
   * @throws IllegalArgumentException if ring and buffers do not fit
   */
  public RingPattern(IovaRanges ranges, int descriptors, long seed) {
    this.ranges = ranges;
    this.descriptors = descriptors;
    this.buffers = ((long) descriptors * DESCRIPTOR_BYTES + PAGE_BYTES - 1) & -PAGE_BYTES;
    this.random = new Xorshift(seed);
    long needed = buffers + (long) descriptors * BUFFER_BYTES;
    if (descriptors < 1 || needed > ranges.bytes()) {
      throw new IllegalArgumentException(
          "a ring of %d descriptors must fit, needed=0x%x, available=0x%x"
              .formatted(descriptors, needed, ranges.bytes()));
    }
  }

  @Override
  public void next(Transfer transfer) {
    switch (step) {
      case FETCH -> {
        descriptor(transfer, false);
        step = Step.PACKET;
      }
      case PACKET -> {
        int bytes = random.chance(SHORT_PERCENT) ? SHORT_BYTES : FULL_BYTES;
        // Ranges are whole pages, and a buffer never crosses one.
        transfer.set(ranges.iova(buffers + (long) index * BUFFER_BYTES), bytes, true);
        step = Step.WRITE_BACK;
      }
      case WRITE_BACK -> {
        descriptor(transfer, true);
        index = (index + 1) % descriptors;
        step = Step.FETCH;
      }
    }
  }

  private void descriptor(Transfer transfer, boolean write) {
    long offset = (long) index * DESCRIPTOR_BYTES;
    transfer.set(ranges.iova(offset), DESCRIPTOR_BYTES, write);
  }
}
