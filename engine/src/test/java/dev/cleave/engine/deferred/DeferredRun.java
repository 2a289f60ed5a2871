package dev.cleave.engine.deferred;

import static dev.cleave.engine.oracle.SpecWalker.HOLE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.engine.oracle.SpecWalker;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.Set;

/**
 * Changes a table at random with up to eight gathers outstanding, and asks devices after every
 * operation what they may see. The space is cut into units: pages, parts of a region, parts of a
 * GiB; an operation works on a run of units, so that tables of every level become empty. Of each
 * unit the model knows where it leads, and where it led before what has not been flushed.
 */
final class DeferredRun implements AutoCloseable {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long GIB = 1L << 30;
  private static final long WIDE = 1L << 39;
  private static final int MEMORY_PAGES = 4096;
  private static final int MOST_GATHERS = 8;
  private static final int[] CUTS = {0, 1, 2, 255, 256, 511};
  private static final int GIBS = 3;

  /** A gather, and when it got its first debt. */
  private static final class Debt {
    final IotlbGather gather;
    long since;

    Debt(IotlbGather gather, long since) {
      this.gather = gather;
      this.since = since;
    }
  }

  /** What a unit led to, until the flush for what was done at a time. */
  private record Stale(long delta, long time) {}

  private final Random random;
  private final TablePages pages;
  private final TableMemory memory;
  private final PageTable table;
  private final List<CachingDevice> devices = new ArrayList<>();

  /** First addresses of units; the last ends the space. */
  private final long[] first;

  /** Of each unit: paddr minus iova, or HOLE. */
  private final long[] delta;

  private final List<List<Stale>> stale = new ArrayList<>();
  private final Deque<IotlbGather> idle = new ArrayDeque<>();
  private final List<Debt> open = new ArrayList<>();
  private final Deque<Debt> sealed = new ArrayDeque<>();
  private final List<Debt> flushed = new ArrayList<>();
  private long time;

  DeferredRun(PageTableConfig config, long base, long seed) {
    random = new Random(seed);
    pages = TablePages.reserve(MEMORY_PAGES * PAGE, MEMORY_PAGES * PAGE, 1L << 32, false);
    memory = TableMemory.of(pages);
    table = PageTable.create(memory, config);
    for (int i = 0; i < 2; i++) {
      devices.add(new CachingDevice(pages, table));
    }
    first = units(base);
    delta = new long[first.length - 1];
    Arrays.fill(delta, HOLE);
    for (int i = 0; i < delta.length; i++) {
      stale.add(new ArrayList<>());
    }
    for (int i = 0; i < MOST_GATHERS; i++) {
      idle.add(table.newGather());
    }
  }

  private static long[] units(long base) {
    List<Long> cuts = new ArrayList<>();
    for (int gib = 0; gib < GIBS; gib++) {
      for (int region : CUTS) {
        for (int page : CUTS) {
          if (region == 0 || region == 1 || region == 511 || page == 0) {
            cuts.add(base + gib * GIB + region * REGION + page * PAGE);
          }
        }
      }
      cuts.add(base + gib * GIB + 2 * REGION);
    }
    cuts.add(base + GIBS * GIB);
    return cuts.stream().distinct().sorted(Long::compareUnsigned).mapToLong(x -> x).toArray();
  }

  void run(int steps) {
    for (int step = 0; step < steps; step++) {
      time++;
      step();
      for (int i = 0; i < 3; i++) {
        devices.get(random.nextInt(2)).warm(probe(random.nextInt(delta.length)));
      }
      check();
    }
  }

  // ---- operations ----------------------------------------------------------------------------

  private void step() {
    int from = random.nextInt(delta.length);
    int to = from;
    switch (random.nextInt(4)) {
      case 0 -> to = Math.min(delta.length - 1, from + random.nextInt(4));
      case 1 -> {
        from = unitOf(REGION, from);
        to = unitEnd(REGION, from);
      }
      case 2 -> {
        from = unitOf(GIB, from);
        to = unitEnd(GIB, from);
      }
      default -> {}
    }
    if (random.nextInt(100) == 0) {
      unmapWide();
      return;
    }
    switch (random.nextInt(12)) {
      case 0, 1, 2, 3 -> map(from, to);
      case 4, 5, 6 -> unmap(from, to);
      case 7 -> split(from, to);
      case 8 -> merge(from, to);
      case 9 -> flush();
      case 10 -> complete();
      default -> exchange();
    }
  }

  /** The unit at which the aligned block around a unit begins. */
  private int unitOf(long bytes, int unit) {
    int at = unit;
    while (at > 0 && (first[at] & (bytes - 1)) != 0) {
      at--;
    }
    return at;
  }

  private int unitEnd(long bytes, int unit) {
    int at = unit;
    while (at + 1 < delta.length && (first[at + 1] & (bytes - 1)) != 0) {
      at++;
    }
    return at;
  }

  private long bytes(int from, int to) {
    return first[to + 1] - first[from];
  }

  private void map(int from, int to) {
    long shift = (1 + random.nextInt(4) + (random.nextInt(3) == 0 ? 0x1000 : 0)) * GIB;
    long wanted =
        shift + (random.nextInt(3) == 0 ? PAGE * random.nextInt(4) : 0) - (first[0] & -GIB);
    boolean isFree = true;
    for (int i = from; i <= to; i++) {
      isFree &= delta[i] == HOLE;
    }
    long held = holdBack();
    try {
      table.map(first[from], first[from] + wanted, bytes(from, to), Access.READ_WRITE);
      assertTrue(isFree, "a map over what is mapped");
      Arrays.fill(delta, from, to + 1, wanted);
    } catch (PageTableException e) {
      switch (e.reason()) {
        case ALREADY_MAPPED -> assertTrue(!isFree, "a map of what is free");
        case OUT_OF_TABLE_MEMORY -> assertTrue(held > 0, "table memory is lost");
        default -> throw e;
      }
    }
    pages.unreserve(held);
  }

  /** Leaves little table memory, now and then none. */
  private long holdBack() {
    if (random.nextInt(4) != 0) {
      return 0;
    }
    long free = MEMORY_PAGES - memory.usedBytes() / PAGE;
    long held = Math.max(0, free - random.nextInt(4));
    assertTrue(pages.tryReserve(held), "table memory is lost");
    return held;
  }

  private Debt debt() {
    if (open.isEmpty() || (open.size() < 3 && !idle.isEmpty() && random.nextBoolean())) {
      while (idle.isEmpty()) {
        flush();
        complete();
      }
      open.add(new Debt(idle.remove(), time));
    }
    return open.get(random.nextInt(open.size()));
  }

  /** Unmaps what one entry of a table of level 4 has, so that all below it goes together. */
  private void unmapWide() {
    long block = first[0] & -WIDE;
    int to = 0;
    while (to + 1 < delta.length && (first[to + 1] & -WIDE) == block) {
      to++;
    }
    unmap(block, WIDE, 0, to);
  }

  private void unmap(int from, int to) {
    unmap(first[from], bytes(from, to), from, to);
  }

  private void unmap(long iova, long bytes, int from, int to) {
    Debt debt = debt();
    try {
      var _ = table.unmap(iova, bytes, debt.gather);
      for (int i = from; i <= to; i++) {
        if (delta[i] != HOLE) {
          stale.get(i).add(new Stale(delta[i], time));
          delta[i] = HOLE;
        }
      }
    } catch (PageTableException e) {
      assertEquals(PageTableException.Reason.NOT_MAPPED, e.reason());
    }
  }

  private void split(int from, int to) {
    int log2 = bytes(from, to) > 4 * REGION || random.nextBoolean() ? 21 : 12;
    try {
      var _ = table.split(first[from], bytes(from, to), log2, debt().gather);
    } catch (PageTableException e) {
      assertEquals(PageTableException.Reason.NOT_MAPPED, e.reason());
    }
  }

  private void merge(int from, int to) {
    try {
      var _ = table.merge(first[from], bytes(from, to), 30, debt().gather);
    } catch (PageTableException e) {
      assertEquals(PageTableException.Reason.NOT_MAPPED, e.reason());
    }
  }

  private void exchange() {
    long top = table.top();
    devices.forEach(CachingDevice::exchangeRoot);
    table.topExchanged(top, debt().gather);
  }

  // ---- flushes -------------------------------------------------------------------------------

  /** Seals a gather, or has the oldest sealed one flushed: flushes go in the order of sealing. */
  private void flush() {
    if (!open.isEmpty() && random.nextBoolean()) {
      Debt debt = open.remove(random.nextInt(open.size()));
      debt.gather.seal();
      sealed.add(debt);
    }
    Debt debt = sealed.poll();
    if (debt != null) {
      devices.forEach(device -> device.flush(debt.gather));
      flushed.add(debt);
      forget();
    }
  }

  /** What was changed before the first debt of all that is not flushed cannot be seen any more. */
  private void forget() {
    long oldest = Long.MAX_VALUE;
    for (Debt debt : open) {
      oldest = Math.min(oldest, debt.since);
    }
    for (Debt debt : sealed) {
      oldest = Math.min(oldest, debt.since);
    }
    long before = oldest;
    stale.forEach(list -> list.removeIf(old -> old.time < before));
  }

  private void complete() {
    if (!flushed.isEmpty()) {
      Debt debt = flushed.remove(random.nextInt(flushed.size()));
      debt.gather.complete();
      idle.add(debt.gather);
    }
  }

  private void settle() {
    while (!open.isEmpty() || !sealed.isEmpty()) {
      flush();
    }
    while (!flushed.isEmpty()) {
      complete();
    }
  }

  // ---- checks --------------------------------------------------------------------------------

  private long probe(int unit) {
    long offset = random.nextLong(first[unit + 1] - first[unit]);
    return switch (random.nextInt(3)) {
      case 0 -> first[unit];
      case 1 -> first[unit + 1] - PAGE;
      default -> (first[unit] + offset) & -PAGE;
    };
  }

  private void check() {
    for (int unit = 0; unit < delta.length; unit++) {
      long iova = probe(unit);
      for (CachingDevice device : devices) {
        for (long seen : device.views(iova)) {
          if (device.reaches(iova) && !isRight(unit, iova, seen)) {
            throw new AssertionError(
                "after %d steps iova 0x%x is seen as %x, paddr is %x, stale %s"
                    .formatted(
                        time,
                        iova,
                        seen,
                        delta[unit] == HOLE ? HOLE : iova + delta[unit],
                        stale.get(unit)));
          }
        }
      }
    }
  }

  private boolean isRight(int unit, long iova, long seen) {
    if (seen == (delta[unit] == HOLE ? HOLE : iova + delta[unit])) {
      return true;
    }
    return seen != HOLE && stale.get(unit).stream().anyMatch(old -> seen == iova + old.delta);
  }

  /** Flushes all; then there is no table that a table built afresh would not have. */
  void end() {
    exchange();
    settle();
    IotlbGather gather = table.newGather();
    table.topExchanged(table.top(), gather);
    long bytes = first[first.length - 1] - first[0];
    if (Arrays.stream(delta).anyMatch(d -> d != HOLE)) {
      var _ = table.merge(first[0], bytes, 30, gather);
    }
    gather.complete();
    SpecWalker walker = SpecWalker.of(pages, table);
    var _ = walker.leaves(table.root(), table.levels());
    assertEquals(walker.tables().size() * PAGE, memory.usedBytes(), "bytes of table pages");
    assertEquals(afresh(), memory.usedBytes(), "bytes of a table built afresh");
    for (Set<Long> views : List.of(devices.get(0).views(first[0]))) {
      assertEquals(Set.of(delta[0] == HOLE ? HOLE : first[0] + delta[0]), views);
    }
  }

  private long afresh() {
    PageTableConfig config = table.config();
    if (config.format().canGrow()) {
      config = config.withLevels(table.levels());
    }
    try (TableMemory other = TableMemory.builder().capacityBytes(MEMORY_PAGES * PAGE).build();
        PageTable fresh = PageTable.create(other, config)) {
      for (int i = 0; i < delta.length; i++) {
        if (delta[i] != HOLE) {
          fresh.map(first[i], first[i] + delta[i], bytes(i, i), Access.READ_WRITE);
        }
      }
      IotlbGather gather = fresh.newGather();
      if (Arrays.stream(delta).anyMatch(d -> d != HOLE)) {
        var _ = fresh.merge(first[0], first[first.length - 1] - first[0], 30, gather);
      }
      gather.complete();
      return other.usedBytes();
    }
  }

  @Override
  public void close() {
    settle();
    table.close();
    memory.close();
  }
}
