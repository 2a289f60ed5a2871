package dev.cleave.bench.migrate;

/**
 * What the device of a migration does.
 *
 * @param pattern where it writes
 * @param bytesPerSecond how fast, in pages of 4 KiB
 * @param workingSetBytes how much of the guest it writes to
 * @param readPercent how many reads, anywhere in the working set, go with a hundred writes
 */
public record Load(
    WritePattern pattern, long bytesPerSecond, long workingSetBytes, int readPercent) {
  /** The same on a guest that may have less memory than the working set. */
  public Load within(long guestBytes) {
    return new Load(pattern, bytesPerSecond, Math.min(workingSetBytes, guestBytes), readPercent);
  }
}
