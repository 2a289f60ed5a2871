package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.HitlessRun;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.oracle.SpecWalker;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** A table that a walker may still be inside of stays as it is until the flush has completed. */
@ParameterizedClass
@EnumSource(TableKind.class)
class DetachedTableTest {
  private static final long REGION = 1L << 21;

  private final TableKind kind;

  DetachedTableTest(TableKind kind) {
    this.kind = kind;
  }

  private static long[] entries(HitlessRun run, long table) {
    return LongStream.range(0, 512).map(i -> run.pages.loadAcquire(table + 8 * i)).toArray();
  }

  private static Set<Long> tables(HitlessRun run) {
    SpecWalker walker = SpecWalker.of(run.pages, run.table);
    walker.leaves(run.table.root(), run.table.levels());
    return new HashSet<>(walker.tables());
  }

  /** The table of 4 KiB leaves that a split of the first region made. */
  private static long splitFirstRegion(HitlessRun run) {
    Set<Long> before = tables(run);
    run.table.split(run.iova, REGION, 12, run.gather);
    run.gather.complete();
    Set<Long> after = tables(run);
    after.removeAll(before);
    assertEquals(1, after.size(), "one more table");
    return after.iterator().next();
  }

  @Test
  void aMergedTableKeepsItsEntriesUntilTheFlushHasCompleted() {
    try (HitlessRun run = new HitlessRun(kind, REGION)) {
      long table = splitFirstRegion(run);
      long[] entries = entries(run, table);
      run.table.merge(run.iova, REGION, 21, run.gather);
      assertArrayEquals(entries, entries(run, table));
    }
  }

  @Test
  void anUnmappedTableKeepsItsEntriesUntilTheFlushHasCompleted() {
    try (HitlessRun run = new HitlessRun(kind, REGION)) {
      long table = splitFirstRegion(run);
      long[] entries = entries(run, table);
      run.table.unmap(run.iova, REGION, run.gather);
      assertArrayEquals(entries, entries(run, table));
    }
  }

  @Test
  void aDetachedTableIsNotUsedAgainBeforeTheFlushHasCompleted() {
    try (HitlessRun run = new HitlessRun(kind, REGION)) {
      long table = splitFirstRegion(run);
      run.table.merge(run.iova, REGION, 21, run.gather);
      run.table.map(run.iova + 5 * REGION, 0, 16 * REGION + 4096, Access.READ);
      assertFalse(tables(run).contains(table), "it was used again");
    }
  }

  @Test
  void aDetachedTableIsUsedAgainOnceTheFlushHasCompleted() {
    try (HitlessRun run = new HitlessRun(kind, REGION)) {
      long table = splitFirstRegion(run);
      run.table.merge(run.iova, REGION, 21, run.gather);
      run.gather.complete();
      run.table.map(run.iova + 5 * REGION, 0, 4096, Access.READ);
      assertTrue(tables(run).contains(table), "it was not used again");
    }
  }

  @Test
  void aGatherThatHoldsTablesSaysSo() {
    try (HitlessRun run = new HitlessRun(kind, REGION)) {
      splitFirstRegion(run);
      run.table.merge(run.iova, REGION, 21, run.gather);
      assertTrue(run.gather.hasTables(), "cached directories must go as well");
      assertEquals(1, run.gather.tablePages());
    }
  }
}
