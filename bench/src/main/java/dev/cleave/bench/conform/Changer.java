package dev.cleave.bench.conform;

import dev.cleave.bench.conform.qemu.EchoMemory;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.format.Access;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Carries out changes on the engine and notes them as requested. Whether the engine may refuse one
 * is known from what was requested before.
 */
final class Changer {
  private static final int MOST_PROBES_BETWEEN = 24;
  private static final int ACCESS_OF_SCATTERED = Access.READ_WRITE;

  private final Runnable betweenStores;

  /** How often an operation can still be interrupted, and the stores it had done last time. */
  private int remaining;

  private long storesSeen;

  Changer(Runnable betweenStores) {
    this.betweenStores = betweenStores;
  }

  /**
   * Carries out a change.
   *
   * @return false when the engine refused it, rightly; nothing has changed then
   * @throws Difference if it accepted or refused wrongly
   */
  boolean apply(Op.Change op, TestDomain domain) {
    long last = op.iova() + op.length() - 1;
    boolean isAnyMapped = domain.requested().hasAny(op.iova(), last);
    boolean maps = op instanceof Op.Map || op instanceof Op.MapScattered;
    try {
      carryOut(op, domain);
    } catch (PageTableException e) {
      boolean isRight =
          switch (e.reason()) {
            case ALREADY_MAPPED -> maps && isAnyMapped;
            case NOT_MAPPED -> !maps && !isAnyMapped;
            case OUT_OF_TABLE_MEMORY -> true;
            default -> false;
          };
      if (!isRight) {
        throw new Difference(List.of("the engine refused " + op + ": " + e.getMessage()));
      }
      return false;
    }
    if (maps == isAnyMapped && !(op instanceof Op.Fit)) {
      throw new Difference(List.of("the engine accepted " + op));
    }
    note(op, domain.requested(), last);
    return true;
  }

  private void carryOut(Op.Change op, TestDomain domain) {
    PageTable table = domain.table();
    switch (op) {
      case Op.Map map -> table.map(map.iova(), map.paddr(), map.length(), map.access());
      case Op.MapScattered map ->
          table.mapScattered(map.iova(), frames(map), 0, map.pages(), ACCESS_OF_SCATTERED);
      case Op.Unmap unmap -> table.unmap(unmap.iova(), unmap.length(), domain.gather());
      case Op.Protect protect ->
          table.protect(protect.iova(), protect.length(), protect.access(), domain.gather());
      case Op.Split split ->
          table.split(split.iova(), split.length(), split.largestLog2(), domain.gather());
      case Op.Merge merge ->
          table.merge(merge.iova(), merge.length(), merge.largestLog2(), domain.gather());
      case Op.Fit fit -> {
        remaining = MOST_PROBES_BETWEEN;
        storesSeen = table.statistics().entryStores();
        RegionRule rule = new RegionRule(fit.salt(), () -> asked(table));
        table.fit(fit.iova(), fit.length(), rule, domain.gather());
      }
    }
  }

  /** Acts when the table has been stored to since last time. */
  private void asked(PageTable table) {
    long stores = table.statistics().entryStores();
    if (stores != storesSeen && remaining > 0) {
      storesSeen = stores;
      remaining--;
      betweenStores.run();
    }
  }

  private static void note(Op.Change op, RequestedMappings requested, long last) {
    switch (op) {
      case Op.Map map -> requested.map(map.iova(), last, map.paddr(), map.access());
      case Op.MapScattered map -> {
        long[] frames = frames(map);
        for (int i = 0; i < frames.length; i++) {
          long at = map.iova() + ((long) i << 12);
          requested.map(at, at + 4095, frames[i] << 12, ACCESS_OF_SCATTERED);
        }
      }
      case Op.Unmap unmap -> requested.unmap(unmap.iova(), last);
      case Op.Protect protect -> requested.protect(protect.iova(), last, protect.access());
      case Op.Split _, Op.Merge _, Op.Fit _ -> {}
    }
  }

  /** Page frames in one of the large islands, in runs of one to eight. */
  private static long[] frames(Op.MapScattered map) {
    SplittableRandom random = new SplittableRandom(map.salt());
    long[] frames = new long[map.pages()];
    for (int i = 0; i < frames.length; ) {
      long base = random.nextBoolean() ? EchoMemory.LARGE_LOW : EchoMemory.LARGE_HIGH;
      int run = 1 + random.nextInt(8);
      long frame = (base + random.nextLong(EchoMemory.LARGE_BYTES - (8 << 12)) & -4096L) >>> 12;
      for (; run > 0 && i < frames.length; run--) {
        frames[i++] = frame++;
      }
    }
    return frames;
  }
}
