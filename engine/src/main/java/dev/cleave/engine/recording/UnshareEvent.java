package dev.cleave.engine.recording;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Unsigned;

/** The follower brought table and RMP in step with pages that the guest takes back. */
@Name("dev.cleave.Unshare")
@Label("Unshare")
@Description("A guest took pages back: table and RMP follow")
@Category("Cleave")
@StackTrace(false)
public final class UnshareEvent extends Event {
  @Label("First address")
  @Unsigned
  long gpa;

  @Label("Length")
  @DataAmount
  long length;

  /** The operation begins. */
  public UnshareEvent() {
    begin();
  }

  /**
   * The operation is done.
   *
   * @param gpaDone its first address
   * @param lengthDone its bytes
   */
  public void done(long gpaDone, long lengthDone) {
    if (shouldCommit()) {
      gpa = gpaDone;
      length = lengthDone;
      commit();
    }
  }
}
