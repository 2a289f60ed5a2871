package dev.cleave.bench.stress;

import static dev.cleave.bench.stress.RacedTable.PAGE;
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

/** A leaf becomes a table while its first and another page are translated. */
@JCStressTest
@Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "both lead where they did before")
@Outcome(id = "0, .*|.*, 0", expect = FORBIDDEN, desc = "a gap: the table was published too early")
@Outcome(expect = FORBIDDEN, desc = "a wrong address")
@State
public class SplitAgainstTranslate {
  private final RacedTable raced = new RacedTable(2);

  public SplitAgainstTranslate() {
    raced.map(0, REGION_BYTES);
  }

  @Actor
  public void split() {
    raced.table.split(0, REGION_BYTES, 12, raced.gather);
  }

  @Actor
  public void translate(II_Result result) {
    result.r1 = raced.look(PLACE);
    result.r2 = raced.look(REGION_BYTES - PAGE);
  }

  @Arbiter
  public void end() {
    raced.close();
  }
}
