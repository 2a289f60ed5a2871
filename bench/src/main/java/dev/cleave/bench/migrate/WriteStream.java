package dev.cleave.bench.migrate;

/**
 * The writes of a device, one after the other: endless, and the same for the same seed. It stands
 * at a write, which {@link #nanos} and {@link #page} tell.
 */
interface WriteStream {
  /** When the write is made, in virtual time from the first on; never before the one before it. */
  double nanos();

  /** Which page of the working set it goes to, from 0. */
  int page();

  /** Goes on to the next write. */
  void next();
}
