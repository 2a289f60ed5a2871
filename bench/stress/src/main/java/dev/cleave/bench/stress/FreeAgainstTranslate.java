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
import org.openjdk.jcstress.infra.results.I_Result;

/** A table page is freed and used again elsewhere while an address is translated through it. */
@JCStressTest
@Outcome(id = "1", expect = ACCEPTABLE, desc = "translated as before the unmap")
@Outcome(id = "0", expect = ACCEPTABLE, desc = "not mapped any more")
@Outcome(id = "2", expect = FORBIDDEN, desc = "read from the page after it was used again")
@State
public class FreeAgainstTranslate {
  private final RacedTable raced = new RacedTable(2);

  public FreeAgainstTranslate() {
    raced.map(PLACE, PAGE);
  }

  @Actor
  public void freeAndUseAgain() {
    raced.table.unmap(PLACE, PAGE, raced.gather);
    raced.gather.complete();
    raced.map(REGION_BYTES + PLACE, PAGE);
  }

  @Actor
  public void translate(I_Result result) {
    result.r1 = raced.look(PLACE);
  }

  @Arbiter
  public void end() {
    raced.close();
  }
}
