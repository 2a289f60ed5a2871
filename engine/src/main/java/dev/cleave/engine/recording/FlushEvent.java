package dev.cleave.engine.recording;

import dev.cleave.engine.IotlbGather;
import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Unsigned;

/** The follower had the IOTLB flushed. */
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
   * @param gather what was flushed, not yet completed
   */
  public void done(IotlbGather gather) {
    if (shouldCommit()) {
      iova = gather.rangeFirst(0);
      ranges = gather.rangeCount();
      tablePages = gather.tablePages();
      commit();
    }
  }
}
