package dev.cleave.bench.machine;

import static dev.cleave.bench.machine.DeferredMachine.DEVICES;
import static dev.cleave.bench.machine.DeferredMachine.FAULT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.format.Access;
import dev.cleave.hwmodel.iommu.IommuConfig;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Changes a table at random with up to eight gathers outstanding, and has devices access all of it
 * after every operation. The space is cut into units, from pages to most of a GiB; an operation
 * works on a run of units. Of each unit it is known what it is, and what it was before what has not
 * been flushed.
 */
final class DeferredMachineRun {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long GIB = 1L << 30;
  private static final int MOST_GATHERS = 8;
  private static final int[] CUTS = {0, 1, 255, 256, 511};
  private static final int GIBS = 3;
  private static final int[] ACCESSES = {Access.READ, Access.READ_WRITE, Access.READ_WRITE};

  /** What a unit is: where it leads, less its iova, and what may be done there. */
  private record View(long delta, int access) {
    static final View HOLE = new View(0, 0);

    boolean isMapped() {
      return access != 0;
    }

    long result(long iova, boolean isWrite) {
      return (access & (isWrite ? Access.WRITE : Access.READ)) == 0 ? FAULT : iova + delta;
    }
  }

  /** What a unit was, until the flush for what was done at a time. */
  private record Stale(View view, long time) {}

  /** A gather, when it got its first debt, and its flush. */
  private static final class Debt {
    final IotlbGather gather;
    final long since;
    long flush;

    Debt(IotlbGather gather, long since) {
      this.gather = gather;
      this.since = since;
    }
  }

  private final Random random;
  private final DeferredMachine machine;

  /** First addresses of units; the last ends the space. */
  private final long[] first;

  private final View[] views;
  private final List<List<Stale>> stale = new ArrayList<>();
  private final Deque<IotlbGather> idle = new ArrayDeque<>();
  private final List<Debt> open = new ArrayList<>();
  private final Deque<Debt> issued = new ArrayDeque<>();
  private final List<Debt> flushed = new ArrayList<>();
  private long time;
  private String last = "";

  DeferredMachineRun(
      DeferredMachine.Stage stage,
      PageTableConfig config,
      IommuConfig hardware,
      long base,
      boolean isDense,
      long seed) {
    random = new Random(seed);
    machine = new DeferredMachine(stage, config, hardware);
    first = isDense ? pages(base + GIB - REGION) : units(base);
    views = new View[first.length - 1];
    Arrays.fill(views, View.HOLE);
    for (int i = 0; i < views.length; i++) {
      stale.add(new ArrayList<>());
    }
    for (int i = 0; i < MOST_GATHERS; i++) {
      idle.add(machine.table.newGather());
    }
  }

  /** Each page of two regions. */
  private static long[] pages(long base) {
    long[] cuts = new long[2 * (int) (REGION / PAGE) + 1];
    Arrays.setAll(cuts, i -> base + i * PAGE);
    return cuts;
  }

  private static long[] units(long base) {
    List<Long> cuts = new ArrayList<>();
    for (int gib = 0; gib < GIBS; gib++) {
      for (int region : CUTS) {
        for (int page : CUTS) {
          cuts.add(base + gib * GIB + region * REGION + page * PAGE);
        }
      }
    }
    cuts.add(base + GIBS * GIB);
    return cuts.stream().mapToLong(cut -> cut).toArray();
  }

  void run(int steps) {
    for (int step = 0; step < steps; step++) {
      time++;
      step();
      check();
    }
  }

  // ---- operations ----------------------------------------------------------------------------

  private void step() {
    int from = random.nextInt(views.length);
    int to = Math.min(views.length - 1, from + random.nextInt(4));
    int kind = random.nextInt(4);
    if (kind < 2) {
      long bytes = kind == 0 ? REGION : GIB;
      from = unitOf(bytes, from);
      to = unitEnd(bytes, from);
    }
    int operation = random.nextInt(13);
    last = "operation %d of units %d to %d".formatted(operation, from, to);
    switch (operation) {
      case 0, 1, 2, 3 -> map(from, to);
      case 4, 5, 6 -> change(from, to, null);
      case 7 -> change(from, to, ACCESSES[random.nextInt(ACCESSES.length)]);
      case 8 -> split(from, to);
      case 9 -> merge(from, to);
      case 10 -> issue();
      case 11 -> complete();
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
    while (at + 1 < views.length && (first[at + 1] & (bytes - 1)) != 0) {
      at++;
    }
    return at;
  }

  private long bytes(int from, int to) {
    return first[to + 1] - first[from];
  }

  private void map(int from, int to) {
    long delta = (1 + random.nextInt(4) + (random.nextInt(3) == 0 ? 0x1000 : 0)) * GIB;
    delta += random.nextInt(3) == 0 ? PAGE * random.nextInt(4) : 0;
    int access = ACCESSES[random.nextInt(ACCESSES.length)];
    boolean isFree = true;
    for (int i = from; i <= to; i++) {
      isFree &= !views[i].isMapped();
    }
    try {
      machine.table.map(first[from], first[from] + delta, bytes(from, to), access);
      assertTrue(isFree, "a map over what is mapped");
      Arrays.fill(views, from, to + 1, new View(delta, access));
    } catch (PageTableException e) {
      assertEquals(PageTableException.Reason.ALREADY_MAPPED, e.reason());
      assertTrue(!isFree, "a map of what is free is refused");
    }
  }

  private IotlbGather gather() {
    if (open.isEmpty() || (open.size() < 3 && !idle.isEmpty() && random.nextBoolean())) {
      while (idle.isEmpty()) {
        issue();
        complete();
      }
      open.add(new Debt(idle.remove(), time));
    }
    return open.get(random.nextInt(open.size())).gather;
  }

  /** Unmaps, or protects. */
  private void change(int from, int to, @Nullable Integer access) {
    IotlbGather gather = gather();
    long bytes = bytes(from, to);
    try {
      var _ =
          access == null
              ? machine.table.unmap(first[from], bytes, gather)
              : machine.table.protect(first[from], bytes, access, gather);
    } catch (PageTableException e) {
      assertEquals(PageTableException.Reason.NOT_MAPPED, e.reason());
    }
    for (int i = from; i <= to; i++) {
      View was = views[i];
      if (was.isMapped()) {
        stale.get(i).add(new Stale(was, time));
        views[i] = access == null ? View.HOLE : new View(was.delta, access);
      }
    }
  }

  private void split(int from, int to) {
    int log2 = bytes(from, to) > 4 * REGION || random.nextBoolean() ? 21 : 12;
    try {
      var _ = machine.table.split(first[from], bytes(from, to), log2, gather());
    } catch (PageTableException e) {
      assertEquals(PageTableException.Reason.NOT_MAPPED, e.reason());
    }
  }

  private void merge(int from, int to) {
    try {
      var _ = machine.table.merge(first[from], bytes(from, to), 30, gather());
    } catch (PageTableException e) {
      assertEquals(PageTableException.Reason.NOT_MAPPED, e.reason());
    }
  }

  /** Gives one device the new top, or both and says so. */
  private void exchange() {
    long top = machine.table.top();
    machine.attach(0);
    if (random.nextBoolean()) {
      machine.attach(1);
      machine.table.topExchanged(top, gather());
    }
    forget(); // commands that were issued have run
  }

  // ---- flushes -------------------------------------------------------------------------------

  /** Issues the flush of a gather now and then, and lets the hardware run some commands. */
  private void issue() {
    if (!open.isEmpty() && random.nextBoolean()) {
      Debt debt = open.remove(random.nextInt(open.size()));
      debt.gather.seal();
      debt.flush = machine.issue(debt.gather);
      issued.add(debt);
    }
    machine.process(1 << random.nextInt(8));
    forget();
  }

  /** What was changed before the first debt of all that is not flushed cannot be seen any more. */
  private void forget() {
    while (!issued.isEmpty() && machine.hasCompleted(issued.element().flush)) {
      flushed.add(issued.remove());
    }
    long oldest = Long.MAX_VALUE;
    for (Debt debt : open) {
      oldest = Math.min(oldest, debt.since);
    }
    for (Debt debt : issued) {
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
    while (!open.isEmpty() || !issued.isEmpty()) {
      issue();
    }
    while (!flushed.isEmpty()) {
      complete();
    }
  }

  // ---- checks --------------------------------------------------------------------------------

  private void check() {
    for (int unit = 0; unit < views.length; unit++) {
      check(unit, first[unit]);
      if (bytes(unit, unit) > PAGE) {
        check(unit, first[unit + 1] - PAGE);
        check(unit, (first[unit] + random.nextLong(bytes(unit, unit))) & -PAGE);
      }
    }
  }

  private void check(int unit, long page) {
    for (int device = 0; device < DEVICES; device++) {
      if (machine.reaches(device, page)) {
        boolean isWrite = random.nextBoolean();
        long seen = machine.access(device, page, isWrite);
        if (!isRight(unit, page, isWrite, seen)) {
          throw new AssertionError(
              "after %d steps, %s, device %d sees %s of unit %d at 0x%x as %x: it is %s, was %s"
                  .formatted(
                      time,
                      last,
                      device,
                      isWrite ? "a write" : "a read",
                      unit,
                      page,
                      seen,
                      views[unit],
                      stale.get(unit)));
        }
      }
    }
  }

  private boolean isRight(int unit, long iova, boolean isWrite, long seen) {
    if (seen == views[unit].result(iova, isWrite)) {
      return true;
    }
    for (Stale old : stale.get(unit)) {
      if (seen == old.view.result(iova, isWrite)) {
        return true;
      }
    }
    return false;
  }

  /** Takes everything out and flushes it: then a table of this many levels has its top alone. */
  void end() {
    change(0, views.length - 1, null);
    for (int device = 0; device < DEVICES; device++) {
      machine.attach(device);
    }
    machine.table.topExchanged(machine.table.top(), gather());
    settle();
    check();
    assertEquals(PAGE, machine.tableBytes(), "bytes of table pages");
  }

  void close() {
    machine.close();
  }
}
