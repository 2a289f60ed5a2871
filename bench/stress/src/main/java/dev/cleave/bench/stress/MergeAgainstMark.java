package dev.cleave.bench.stress;

import static dev.cleave.bench.stress.RacedTable.PLACE;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** A table is merged while a device, which may be inside of it, writes to a page. */
@JCStressTest
@Outcome(
    id = "1, 512",
    expect = ACCEPTABLE,
    desc =
        "the bit is there, whether it was in the table before the merge, came late, or into the leaf")
@Outcome(id = "1, 0", expect = FORBIDDEN, desc = "the dirty bit was lost")
@Outcome(id = "0, .*", expect = FORBIDDEN, desc = "the device found a gap")
@Outcome(expect = FORBIDDEN, desc = "it was not merged")
@State
public class MergeAgainstMark {
  private final RacedTable raced = new RacedTable(2);

  public MergeAgainstMark() {
    raced.map(0, REGION_BYTES);
    raced.splitToPages(0, REGION_BYTES);
  }

  @Actor
  public void merge() {
    raced.table.merge(0, REGION_BYTES, 21, raced.gather);
  }

  @Actor
  public void mark(II_Result result) {
    result.r1 = raced.mark(PLACE);
  }

  @Arbiter
  public void look(II_Result result) {
    raced.gather.complete();
    result.r2 = raced.dirtyPages(0, REGION_BYTES);
    raced.close();
  }
}
