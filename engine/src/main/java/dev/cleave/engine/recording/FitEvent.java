package dev.cleave.engine.recording;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Unsigned;

/** A table's leaves were adjusted to what is legal. */
@Name("dev.cleave.Fit")
@Label("Fit")
@Description("Leaf sizes of a range were adjusted")
@Category("Cleave")
@StackTrace(false)
public final class FitEvent extends Event {
  @Label("First address")
  @Unsigned
  long iova;

  @Label("Length")
  @DataAmount
  long length;

  @Label("Merges")
  @Description("Whether leaves were made larger rather than smaller")
  boolean merges;

  /** The operation begins. */
  public FitEvent() {
    begin();
  }

  /**
   * The operation is done.
   *
   * @param iovaDone its first address
   * @param lengthDone its bytes
   * @param isMerge whether it made leaves larger rather than smaller
   */
  public void done(long iovaDone, long lengthDone, boolean isMerge) {
    if (shouldCommit()) {
      iova = iovaDone;
      length = lengthDone;
      merges = isMerge;
      commit();
    }
  }
}
