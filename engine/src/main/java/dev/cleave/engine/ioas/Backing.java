package dev.cleave.engine.ioas;

import dev.cleave.engine.format.Geometry;

/**
 * The memory behind areas: what a VMM has mapped for itself, a file, or a piece of guest memory. An
 * area begins at an offset of its backing, which may be anything that says where in it a byte lies,
 * such as the address under which a process sees it.
 *
 * <p>It is asked when an area is mapped, and whenever a table is attached, and must answer the same
 * as long as an area has it, but for what is {@linkplain SpaceTables#renew renewed} then.
 * Implementations are thread-safe, and do not call the space.
 */
public interface Backing {
  /** What {@link #paddr} returns where no memory is. */
  long NONE = -1;

  /**
   * Where a byte lies.
   *
   * @param offset of the byte
   * @param isWritten whether devices, now or through a copy, may be allowed to write it
   * @return its paddr, or {@link #NONE} if it is not there, or is to be written and must not be
   */
  long paddr(long offset, boolean isWritten);

  /**
   * How far memory goes on in one piece from a byte that is there. The farther, the larger the
   * leaves: two pieces that follow each other in memory are one.
   *
   * @param offset of the byte
   * @param length bytes that the caller is interested in
   * @return bytes from that one on that lie behind each other, 1 to {@code length}
   */
  long contiguous(long offset, long length);

  /**
   * What iommufd would return where {@link #paddr} is {@link #NONE}.
   *
   * @return EFAULT, but for files, of whose end it says EINVAL
   */
  default Errno refusal() {
    return Errno.EFAULT;
  }

  /**
   * Physical memory itself: an offset is a paddr.
   *
   * @return the backing, always the same
   */
  static Backing physical() {
    return PhysicalBacking.INSTANCE;
  }

  /**
   * Pages of 4 KiB that lie anywhere. Nothing is there behind the last.
   *
   * @param frames page frame numbers (paddr / 4096), in the order of their offsets; they must not
   *     change as long as an area has the backing
   * @return the backing, whose first byte has offset 0
   */
  static Backing ofFrames(long... frames) {
    return new Backing() {
      @Override
      public long paddr(long offset, boolean isWritten) {
        long page = offset >>> Geometry.PAGE_LOG2;
        return page < frames.length
            ? frames[(int) page] << Geometry.PAGE_LOG2 | offset % Geometry.PAGE_BYTES
            : NONE;
      }

      @Override
      public long contiguous(long offset, long length) {
        int page = (int) (offset >>> Geometry.PAGE_LOG2);
        long bytes = Geometry.PAGE_BYTES - offset % Geometry.PAGE_BYTES;
        while (bytes < length && page + 1 < frames.length && frames[page + 1] == frames[page] + 1) {
          bytes += Geometry.PAGE_BYTES;
          page++;
        }
        return Math.min(bytes, length);
      }
    };
  }
}
