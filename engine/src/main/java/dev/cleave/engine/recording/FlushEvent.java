package dev.cleave.engine.recording;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Unsigned;

/** A follower, or an address space, had the IOTLB flushed. */
@Name("dev.cleave.Flush")
@Label("Flush")
@Description("The IOTLB was flushed")
@Category("Cleave")
@StackTrace(false)
public final class FlushEvent extends Event {
  @Label("First address")
  @Unsigned
  long iova;

  @Label("Ranges")
  int ranges;

  @Label("Table Pages Freed")
  long tablePages;

  /** The flush begins. */
  public FlushEvent() {
    begin();
  }

  /**
   * The flush is done.
   *
   * @param firstIova first address of the first range that was flushed
   * @param rangeCount number of ranges
   * @param tablePagesFreed number of table pages that waited for it
   */
  public void done(long firstIova, int rangeCount, long tablePagesFreed) {
    if (shouldCommit()) {
      iova = firstIova;
      ranges = rangeCount;
      tablePages = tablePagesFreed;
      commit();
    }
  }
}
