package dev.cleave.bench.stress;

import static dev.cleave.bench.stress.RacedTable.PAGE;
import static dev.cleave.bench.stress.RacedTable.PLACE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.cleave.engine.DirtyBitmap;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Arbiter;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** Dirty bits of a sized leaf are read and cleared while a device sets one. */
@JCStressTest
@Outcome(id = "16, 0", expect = ACCEPTABLE, desc = "reported by this pass")
@Outcome(id = "0, 16", expect = ACCEPTABLE, desc = "there for the next pass")
@Outcome(id = "0, 0", expect = FORBIDDEN, desc = "lost")
@Outcome(id = "16, 16", expect = FORBIDDEN, desc = "one write reported twice")
@Outcome(expect = FORBIDDEN, desc = "a leaf that is dirty in part")
@State
public class ClearAgainstMark {
  private static final long BYTES = 16 * PAGE;

  private final RacedTable raced = new RacedTable(2);
  private final DirtyBitmap bitmap = new DirtyBitmap(0, BYTES, 12);

  public ClearAgainstMark() {
    raced.map(0, BYTES);
  }

  @Actor
  public void clear(II_Result result) {
    result.r1 = (int) (raced.table.readAndClearDirty(0, BYTES, bitmap, raced.gather) / PAGE);
  }

  @Actor
  public void mark() {
    raced.mark(PLACE);
  }

  @Arbiter
  public void look(II_Result result) {
    result.r2 = raced.dirtyPages(0, BYTES);
    raced.close();
  }
}
