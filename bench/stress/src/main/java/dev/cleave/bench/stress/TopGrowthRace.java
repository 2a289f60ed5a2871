package dev.cleave.bench.stress;

import static dev.cleave.bench.stress.RacedTable.PAGE;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.IIII_Result;

/** The top has to grow by one level for one map and by two for another. */
@JCStressTest
@Outcome(id = "1, 1, 1, 3", expect = ACCEPTABLE, desc = "all are there, in three levels")
@Outcome(
    id = "0, .*",
    expect = FORBIDDEN,
    desc = "what was mapped before could not be found meanwhile")
@Outcome(id = "2, .*", expect = FORBIDDEN, desc = "what was mapped before led elsewhere meanwhile")
@Outcome(id = "1, 0, .*", expect = FORBIDDEN, desc = "the nearer one was lost")
@Outcome(id = "1, 1, 0, .*", expect = FORBIDDEN, desc = "the farther one was lost")
@Outcome(expect = FORBIDDEN, desc = "the top has other levels than it needs, or leads elsewhere")
@State
public class TopGrowthRace {
  private final RacedTable raced = new RacedTable(1);

  public TopGrowthRace() {
    raced.map(0, PAGE);
  }

  @Actor
  public void growByOne(IIII_Result result) {
    raced.map(REGION_BYTES, PAGE);
    result.r1 = raced.look(0);
  }

  @Actor
  public void growByTwo() {
    raced.map(1L << 30, PAGE);
  }

  @Arbiter
  public void look(IIII_Result result) {
    result.r2 = raced.look(REGION_BYTES);
    result.r3 = raced.look(1L << 30);
    result.r4 = raced.table.levels();
    raced.close();
  }
}
