package dev.cleave.engine;

/**
 * Which leaf sizes are allowed where. The address range falls into segments: inside one the same
 * sizes are allowed, and no leaf may reach over its end.
 *
 * <p>Implementations are asked while a table is changed; they must answer the same until the
 * operation has returned.
 */
public interface SizeRule {
  /**
   * Where the segment around an address ends.
   *
   * @param iova the address
   * @param last where the caller's interest ends, at or above {@code iova}
   * @return the segment's last address, at most {@code last}
   */
  long segmentLast(long iova, long last);

  /**
   * The sizes allowed in the segment around an address. The table adds its own limits; where none
   * of its sizes is allowed it uses its smallest.
   *
   * @param iova the address
   * @return a bitmap, bit {@code s} for 2^s bytes
   */
  long sizes(long iova);

  /**
   * A bound that saves looking: leaves up to this size are allowed everywhere.
   *
   * @return logarithm of a size
   */
  int alwaysAllowedLog2();

  /**
   * No leaf larger than a limit, anywhere.
   *
   * @param sizeLog2 logarithm of the largest leaf, 0 to 63
   * @return the rule, always the same for a limit
   * @throws IndexOutOfBoundsException for another limit
   */
  static SizeRule atMost(int sizeLog2) {
    return AtMost.of(sizeLog2);
  }
}
