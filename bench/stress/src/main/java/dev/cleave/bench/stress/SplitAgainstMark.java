package dev.cleave.bench.stress;

import static dev.cleave.bench.stress.RacedTable.PAGE;
import static dev.cleave.bench.stress.RacedTable.PLACE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A leaf is split while a device writes to a page of it. */
@JCStressTest
@Outcome(
    id = "1, 16",
    expect = ACCEPTABLE,
    desc = "the leaf was marked: all its children are dirty")
@Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "the child was marked: it alone is dirty")
@Outcome(id = "1, 0", expect = FORBIDDEN, desc = "the dirty bit was lost")
@Outcome(id = "0, .*", expect = FORBIDDEN, desc = "the device found a gap")
@Outcome(expect = FORBIDDEN, desc = "some children did not get the bit of their leaf")
@State
public class SplitAgainstMark {
  private static final long BYTES = 16 * PAGE;

  private final RacedTable raced = new RacedTable(2);

  public SplitAgainstMark() {
    raced.map(0, BYTES);
  }

  @Actor
  public void split() {
    raced.table.split(0, BYTES, 12, raced.gather);
  }

  @Actor
  public void mark(II_Result result) {
    result.r1 = raced.mark(PLACE);
  }

  @Arbiter
  public void look(II_Result result) {
    result.r2 = raced.dirtyPages(0, BYTES);
    raced.close();
  }
}
