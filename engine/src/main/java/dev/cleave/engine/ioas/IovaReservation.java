package dev.cleave.engine.ioas;

import java.util.List;

/**
 * Iovas that somebody has reserved in an {@link IoAddressSpace}: nothing can be mapped there until
 * it is closed. Immutable but for that, and thread-safe.
 */
public final class IovaReservation implements AutoCloseable {
  private final IoAddressSpace space;
  private final List<IovaRange> ranges;

  IovaReservation(IoAddressSpace space, List<IovaRange> ranges) {
    this.space = space;
    this.ranges = List.copyOf(ranges);
  }

  /**
   * What is reserved.
   *
   * @return the ranges, as they were given
   */
  public List<IovaRange> ranges() {
    return ranges;
  }

  /** Gives the iovas back. Closing it again does nothing. */
  @Override
  public void close() {
    space.release(this);
  }
}
