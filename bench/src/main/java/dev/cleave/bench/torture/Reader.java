package dev.cleave.bench.torture;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import java.util.SplittableRandom;

/** Software that translates everywhere, without a lock. */
@SuppressWarnings("ThreadPriorityCheck") // threads outnumber processors
final class Reader implements Runnable {
  private static final int BURST = 1024;

  /** A translation says nothing about permissions. */
  private static final int GENERATION_MASK = ~3;

  private final PageTable table;
  private final Space space;
  private final Verdict verdict;
  private final SplittableRandom random;
  private final LeafCursor cursor;
  private long translations;

  Reader(PageTable table, Space space, Verdict verdict, long seed) {
    this.table = table;
    this.space = space;
    this.verdict = verdict;
    this.random = new SplittableRandom(seed);
    this.cursor = table.leaves();
  }

  @Override
  public void run() {
    while (!verdict.isOver()) {
      for (int i = 0; i < BURST; i++) {
        look(random.nextInt(Space.PAGES), random.nextInt(8) == 0);
      }
      Thread.yield();
    }
  }

  private void look(int page, boolean isByCursor) {
    long iova = space.iova(page);
    long then = space.software.get(page);
    long paddr = isByCursor ? byCursor(iova) : table.translate(iova);
    long now = space.software.get(page);
    translations++;
    int generation = paddr == PageTable.NOT_MAPPED ? 0 : Space.generation(page, paddr);
    int view = PageViews.view(generation, 0);
    if (generation == -1 || !PageViews.allows(then, now, view, GENERATION_MASK)) {
      verdict.violation(
          page,
          "%s saw page %d at iova 0x%x lead to 0x%x (%s); allowed was %s"
              .formatted(
                  isByCursor ? "a cursor" : "translate",
                  page,
                  iova,
                  paddr,
                  generation == -1 ? "another page" : PageViews.describe(view),
                  PageViews.describe(then)));
    }
  }

  private long byCursor(long iova) {
    return table.leafAt(iova, cursor)
        ? cursor.paddr() + (iova - cursor.iova())
        : PageTable.NOT_MAPPED;
  }

  long translations() {
    return translations;
  }
}
