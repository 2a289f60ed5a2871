package dev.cleave.bench.migrate;

/**
 * When leaves that were split become large again.
 *
 * @param coldReads a region is merged when so many reads in a row found it clean; 0 for never
 *     before the end
 * @param isAtEnd whether everything is merged when the guest has been copied
 */
public record MergeBack(int coldReads, boolean isAtEnd) {
  /** All at the end. */
  public static final MergeBack END = new MergeBack(0, true);

  /** Nothing, ever. */
  public static final MergeBack NEVER = new MergeBack(0, false);

  /** As regions grow cold, and the rest at the end. */
  public static MergeBack cold(int reads) {
    return new MergeBack(reads, true);
  }

  /** Whether regions are merged while tracking goes on. */
  public boolean isOfCold() {
    return coldReads > 0;
  }

  /** As the command line has it. */
  public String word() {
    return isOfCold() ? "cold=" + coldReads : isAtEnd ? "end" : "never";
  }
}
