package dev.cleave.bench.stress;

import static dev.cleave.bench.stress.RacedTable.PAGE;
import static org.openjdk.jcstress.annotations.Expect.ACCEPTABLE;
import static org.openjdk.jcstress.annotations.Expect.FORBIDDEN;

import dev.cleave.engine.memory.TablePages;
import java.lang.foreign.Arena;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.III_Result;

/**
 * A page is taken out and used again while the first reader since the last time looks at it: the
 * count is not marked when both begin.
 */
@JCStressTest
@Outcome(id = "1, 1, .*", expect = ACCEPTABLE, desc = "read before it was used again")
@Outcome(id = "0, ., .*", expect = ACCEPTABLE, desc = "not found any more")
@Outcome(id = "1, 2, 0", expect = ACCEPTABLE, desc = "read after it was used again, and found out")
@Outcome(id = "1, 2, 1", expect = FORBIDDEN, desc = "read after it was used again")
@State
public class LookAgainstReuse {
  /** Where the page is entered, and what is in it. */
  private static final long ENTRY = 0;

  private static final long CONTENT = 2048;

  private final TablePages pages = TablePages.over(Arena.ofAuto().allocate(PAGE, PAGE), 0, true);

  public LookAgainstReuse() {
    pages.storeRelease(ENTRY, 1);
    pages.storeRelease(CONTENT, 1);
  }

  @Actor
  public void reuse() {
    pages.storeRelease(ENTRY, 0);
    pages.reclaim();
    pages.storeRelease(CONTENT, 2);
  }

  @Actor
  public void look(III_Result result) {
    long seen = pages.reclaims();
    result.r1 = (int) pages.loadPlain(ENTRY);
    result.r2 = (int) pages.loadPlain(CONTENT);
    result.r3 = pages.isStill(seen) ? 1 : 0;
  }
}
