package dev.cleave.engine.ioas;

/**
 * A range of iovas.
 *
 * @param first its first address
 * @param last its last address, inclusive and unsigned
 */
public record IovaRange(long first, long last) {
  /**
   * Checks the order of the ends.
   *
   * @throws IllegalArgumentException if the range ends before it begins
   */
  public IovaRange {
    if (Long.compareUnsigned(first, last) > 0) {
      throw new IllegalArgumentException(
          "a range must not end before it begins, first=0x%x, last=0x%x".formatted(first, last));
    }
  }

  boolean touches(long from, long to) {
    return Long.compareUnsigned(first, to) <= 0 && Long.compareUnsigned(from, last) <= 0;
  }

  @Override
  public String toString() {
    return "[0x%x,0x%x]".formatted(first, last);
  }
}
