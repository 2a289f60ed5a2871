package dev.cleave.bench.stress;

import static dev.cleave.bench.stress.RacedTable.PAGE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** Two maps need the same tables, which are not there yet. */
@JCStressTest
@Outcome(id = "1, 1", expect = ACCEPTABLE, desc = "both are mapped, in one table")
@Outcome(id = "1, 0", expect = FORBIDDEN, desc = "the second went into a table that was lost")
@Outcome(id = "0, 1", expect = FORBIDDEN, desc = "the first went into a table that was lost")
@Outcome(expect = FORBIDDEN, desc = "neither is where it should be")
@State
public class TableInstallRace {
  private final RacedTable raced = new RacedTable(3);

  @Actor
  public void first() {
    raced.map(0, PAGE);
  }

  @Actor
  public void second() {
    raced.map(PAGE, PAGE);
  }

  @Arbiter
  public void look(II_Result result) {
    result.r1 = raced.look(0);
    result.r2 = raced.look(PAGE);
    raced.close();
  }
}
