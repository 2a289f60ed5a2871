package dev.cleave.engine.recording;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;

/** Table memory took more pages into use than ever before. */
@Name("dev.cleave.TableMemoryGrowth")
@Label("Table Memory Growth")
@Description("Table memory took more pages from the system")
@Category("Cleave")
@StackTrace(false)
public final class TableMemoryGrowthEvent extends Event {
  @Label("Bytes")
  @DataAmount
  long bytes;

  /** It begins. */
  public TableMemoryGrowthEvent() {
    begin();
  }

  /**
   * It has grown.
   *
   * @param bytesNow how much there is now
   */
  public void done(long bytesNow) {
    if (shouldCommit()) {
      bytes = bytesNow;
      commit();
    }
  }
}
