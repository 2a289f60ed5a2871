package dev.cleave.bench.torture;

import static dev.cleave.bench.torture.Space.PAGE_BYTES;
import static dev.cleave.bench.torture.Space.REGION_PAGES;
import static dev.cleave.bench.torture.Space.SLICE_PAGES;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Access;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.StampedLock;

/**
 * One writer. Mostly it changes pages of its own slices, beside writers in the slices around; now
 * and then it takes a region for itself and changes all of it.
 *
 * <p>What has a flush outstanding keeps its translation until then, since a device may use the old
 * one; its leaves may change all the same.
 */
@SuppressWarnings("ThreadPriorityCheck") // threads outnumber processors
final class Writer implements Runnable {
  private static final int MOST_DEBTS = 128;

  /** One that fills, one that is flushed, and one that waits for the next flush. */
  private static final int DEFERRED_BATCHES = 3;

  private static final int BURST = 64;
  private static final int REGION_OPERATIONS = 24; // one in so many
  private static final int[] QUIET_CHOICES = {5, 6, 7, 9};
  private static final int READ = 1;
  private static final int READ_WRITE = 3;

  private final PageTable table;
  private final Space space;
  private final Flusher flusher;
  private final List<Device> devices;
  private final Verdict verdict;
  private final Inspector inspector;
  private final int number;
  private final int writers;
  private final SplittableRandom random;
  private final Queue<Debt> free = new ConcurrentLinkedQueue<>();
  private final OperationLog log;

  /** Odd from the begin of an operation until what it owes has been handed over. */
  private final AtomicLong steps = new AtomicLong();

  private final Map<OperationKind, AtomicLong> done;

  Writer(
      PageTable table,
      Space space,
      Flusher flusher,
      List<Device> devices,
      Verdict verdict,
      Inspector inspector,
      int number,
      int writers,
      long seed,
      Map<OperationKind, AtomicLong> done) {
    this.table = table;
    this.space = space;
    this.flusher = flusher;
    this.devices = devices;
    this.verdict = verdict;
    this.inspector = inspector;
    this.number = number;
    this.writers = writers;
    this.random = new SplittableRandom(seed);
    this.log = new OperationLog(number);
    this.done = done;
    int debts = MOST_DEBTS + DEFERRED_BATCHES * flusher.batchSize() / writers;
    for (int i = 0; i < debts; i++) {
      free.add(new Debt(table.newGather(), free));
    }
  }

  OperationLog log() {
    return log;
  }

  /** Waits for a moment between two operations. */
  void awaitPause() {
    long seen = steps.get();
    while (seen % 2 == 1 && steps.get() == seen) {
      Thread.yield();
    }
  }

  @Override
  public void run() {
    while (!verdict.isOver()) {
      for (int i = 0; i < BURST; i++) {
        Debt debt = free.poll();
        if (debt == null) {
          break; // all flushes are outstanding
        }
        steps.incrementAndGet();
        try {
          step(debt);
        } finally {
          steps.incrementAndGet();
        }
      }
      Thread.yield(); // to be stopped here, where the flusher does not wait for it
    }
  }

  private void step(Debt debt) {
    int region = random.nextInt(Space.REGIONS);
    StampedLock lock = space.lock(region);
    boolean isWhole = random.nextInt(REGION_OPERATIONS) == 0;
    long stamp = isWhole ? lock.tryWriteLock() : lock.tryReadLock();
    boolean owes = false;
    if (stamp != 0) {
      owes = isWhole ? changeRegion(region, debt) : changeSlice(region, debt);
      lock.unlock(stamp);
    }
    if (!owes) {
      free.add(debt);
    }
  }

  // ---- slices --------------------------------------------------------------------------------

  /** Changes something in a slice of its own; returns whether the debt is on its way. */
  private boolean changeSlice(int region, Debt debt) {
    int own = (Space.SLICES - 1 - (number + region) % writers) / writers + 1;
    int slice = (number + region) % writers + random.nextInt(own) * writers;
    int first = region * REGION_PAGES + slice * SLICE_PAGES;
    int from = first + random.nextInt(SLICE_PAGES);
    int count = 1 + random.nextInt(Math.min(first + SLICE_PAGES - from, 1 << random.nextInt(6)));
    int choice = random.nextInt(10);
    boolean isMapped = mappedPages(from, count) != 0;
    if (Space.isQuiet(region)) {
      choice = QUIET_CHOICES[choice % QUIET_CHOICES.length];
    }
    if (!isMapped) {
      return choice < 5 && mapHole(region, from, count, debt);
    }
    boolean isSettled = isSettled(from, count);
    return switch (choice) {
      case 0, 1, 2 -> isSettled && unmap(OperationKind.UNMAP, region, from, count, debt);
      case 3, 4 -> isSettled && protect(region, from, count, debt);
      case 5 -> split(OperationKind.SPLIT, region, from, count, 12 + random.nextInt(4), debt);
      case 6 -> merge(OperationKind.MERGE, region, from, count, 13 + random.nextInt(5), debt);
      case 7 -> isSettled && clearDirty(OperationKind.CLEAR_DIRTY, region, from, count, debt);
      case 8 -> setDirty(region, from, count, debt);
      default -> fit(region, from, count, 12 + random.nextInt(6), debt);
    };
  }

  private int mappedPages(int from, int count) {
    int mapped = 0;
    for (int page = from; page < from + count; page++) {
      mapped += space.hardware.after(page) == PageViews.NOT_MAPPED ? 0 : 1;
    }
    return mapped;
  }

  private int settledMapped(int from, int count) {
    int mapped = 0;
    for (int page = from; page < from + count; page++) {
      boolean isHole = space.hardware.after(page) == PageViews.NOT_MAPPED;
      mapped += isHole || !space.hardware.isSettled(page) ? 0 : 1;
    }
    return mapped;
  }

  private boolean isSettled(int from, int count) {
    for (int page = from; page < from + count; page++) {
      if (!space.hardware.isSettled(page)) {
        return false;
      }
    }
    return true;
  }

  private boolean mapHole(int region, int from, int count, Debt debt) {
    return isSettled(from, count)
        && map(OperationKind.MAP, region, from, count, 12 + random.nextInt(10), debt);
  }

  // ---- regions -------------------------------------------------------------------------------

  private boolean changeRegion(int region, Debt debt) {
    int from = region * REGION_PAGES;
    int mapped = mappedPages(from, REGION_PAGES);
    boolean isSettled = isSettled(from, REGION_PAGES);
    if (mapped == 0) {
      int[] sizes = {12, 16, 21};
      return isSettled
          && map(
              OperationKind.MAP_REGION, region, from, REGION_PAGES, sizes[random.nextInt(3)], debt);
    }
    return switch (random.nextInt(14)) {
      case 0, 8 -> mapped == settledMapped(from, REGION_PAGES) && emptyRegion(region, from, debt);
      case 9, 10, 11 -> isSettled && restore(region, from, debt);
      case 12, 13 -> Space.hasPartner(region) && emptyPair(region, debt);
      case 1, 2, 3 -> mergeRegion(region, from, debt);
      case 4 ->
          isSettled && clearDirty(OperationKind.CLEAR_REGION, region, from, REGION_PAGES, debt);
      case 5, 6 ->
          split(
              OperationKind.SPLIT_REGION,
              region,
              from,
              REGION_PAGES,
              12 + 4 * random.nextInt(2),
              debt);
      default -> inspect(region, from);
    };
  }

  private boolean mergeRegion(int region, int from, Debt debt) {
    space.mergesOwed.incrementAndGet(region);
    return merge(OperationKind.MERGE_REGION, region, from, REGION_PAGES, 21, debt);
  }

  private boolean inspect(int region, int from) {
    if (space.canInspect(region)) {
      begin(OperationKind.INSPECT_REGION, from, REGION_PAGES, 0);
      inspector.inspect(from, REGION_PAGES);
    }
    return false;
  }

  /** What devices have seen of the region is in the way of what is mapped in it next. */
  private boolean emptyRegion(int region, int from, Debt debt) {
    devices.forEach(device -> device.look(from));
    boolean owes = unmap(OperationKind.UNMAP_REGION, region, from, REGION_PAGES, debt);
    mapBeside(region, from);
    return owes;
  }

  /** Maps some of what has been a hole for long in a region whose flush is outstanding. */
  private void mapBeside(int region, int from) {
    Debt debt = free.poll();
    if (debt == null) {
      return;
    }
    int page = from + random.nextInt(REGION_PAGES);
    int count = 1 + random.nextInt(Math.min(8, from + REGION_PAGES - page));
    if (mappedPages(page, count) != 0 || !mapHole(region, page, count, debt)) {
      free.add(debt);
    }
  }

  /** Unmaps the GiB that a region, which this writer has for itself, shares with its partner. */
  private boolean emptyPair(int region, Debt debt) {
    int partner = Space.partner(region);
    StampedLock lock = space.lock(partner);
    long stamp = lock.tryWriteLock();
    if (stamp == 0) {
      return false;
    }
    int first = Math.min(region, partner);
    int from = first * REGION_PAGES;
    int pages = 2 * REGION_PAGES;
    int mapped = mappedPages(from, pages);
    boolean isDone = mapped == settledMapped(from, pages);
    if (isDone) {
      devices.forEach(device -> device.look(from));
      devices.forEach(device -> device.look(from + REGION_PAGES));
      debt.begin(OperationKind.UNMAP_PAIR, first);
      begin(OperationKind.UNMAP_PAIR, from, pages, 0);
      var _ = changeMapped(from, pages, debt);
      long bytes = table.unmap(space.iova(from), 1L << 30, debt.gather);
      checkBytes(OperationKind.UNMAP_PAIR, from, mapped, bytes);
      var _ = finish(debt);
      mapBeside(first, from);
      mapBeside(first + 1, from + REGION_PAGES);
    }
    lock.unlock(stamp);
    return isDone;
  }

  /**
   * Unmaps a region that leads to one piece of memory in two parts, and maps it as it was, with
   * leaves of another size. So no device may see anything else, although nothing has been flushed.
   */
  private boolean restore(int region, int from, Debt debt) {
    int view = space.hardware.after(from);
    for (int page = from; page < from + REGION_PAGES; page++) {
      if (view == PageViews.NOT_MAPPED || space.hardware.after(page) != view) {
        return false;
      }
    }
    devices.forEach(device -> device.look(from));
    space.restoresOwed.incrementAndGet(region);
    debt.begin(OperationKind.RESTORE_REGION, region);
    begin(OperationKind.RESTORE_REGION, from, REGION_PAGES, PageViews.generation(view));
    int part = 1 + random.nextInt(REGION_PAGES - 1);
    beginAll(from, PageViews.NOT_MAPPED);
    long bytes = table.unmap(space.iova(from), part * PAGE_BYTES, debt.gather);
    int rest = REGION_PAGES - part;
    bytes += table.unmap(space.iova(from + part), rest * PAGE_BYTES, debt.gather);
    checkBytes(OperationKind.RESTORE_REGION, from, REGION_PAGES, bytes);
    beginAll(from, view);
    int[] sizes = {12, 16, 21, 21};
    table.map(
        space.iova(from),
        Space.paddr(from, PageViews.generation(view)),
        REGION_PAGES * PAGE_BYTES,
        access(PageViews.permissions(view)),
        SizeRule.atMost(sizes[random.nextInt(sizes.length)]));
    for (int page = from; page < from + REGION_PAGES; page++) {
      space.software.settle(page);
      space.hardware.settle(page);
    }
    devices.forEach(device -> device.look(from + random.nextInt(REGION_PAGES)));
    return finish(debt);
  }

  private void beginAll(int from, int view) {
    for (int page = from; page < from + REGION_PAGES; page++) {
      space.forgetWrites(page);
      space.software.begin(page, view);
      space.hardware.begin(page, view);
    }
  }

  // ---- operations ----------------------------------------------------------------------------

  private void begin(OperationKind kind, int from, int pages, int detail) {
    log.add(kind, from, pages, detail);
    AtomicLong count = done.get(kind);
    count.lazySet(count.get() + 1);
  }

  private boolean map(
      OperationKind kind, int region, int from, int count, int largestLog2, Debt debt) {
    int generation = space.nextGeneration(region);
    int permissions = random.nextInt(4) == 0 ? READ : READ_WRITE;
    debt.begin(kind, region);
    begin(kind, from, count, generation);
    for (int page = from; page < from + count; page++) {
      space.forgetWrites(page);
      debt.change(space, page, PageViews.view(generation, permissions));
    }
    table.map(
        space.iova(from),
        Space.paddr(from, generation),
        count * PAGE_BYTES,
        access(permissions),
        SizeRule.atMost(largestLog2));
    boolean owes = finish(debt);
    devices.get(random.nextInt(devices.size())).look(from + random.nextInt(count)); // at once
    return owes;
  }

  private static int access(int permissions) {
    return permissions == READ ? Access.READ : Access.READ_WRITE;
  }

  private boolean unmap(OperationKind kind, int region, int from, int count, Debt debt) {
    debt.begin(kind, region);
    begin(kind, from, count, 0);
    int mapped = changeMapped(from, count, debt);
    long bytes = table.unmap(space.iova(from), count * PAGE_BYTES, debt.gather);
    checkBytes(kind, from, mapped, bytes);
    return finish(debt);
  }

  private int changeMapped(int from, int count, Debt debt) {
    int mapped = 0;
    for (int page = from; page < from + count; page++) {
      if (space.hardware.after(page) != PageViews.NOT_MAPPED) {
        debt.change(space, page, PageViews.NOT_MAPPED);
        mapped++;
      }
    }
    return mapped;
  }

  private boolean protect(int region, int from, int count, Debt debt) {
    int permissions = random.nextBoolean() ? READ : READ_WRITE;
    debt.begin(OperationKind.PROTECT, region);
    begin(OperationKind.PROTECT, from, count, permissions);
    int mapped = 0;
    for (int page = from; page < from + count; page++) {
      int view = space.hardware.after(page);
      if (view != PageViews.NOT_MAPPED) {
        debt.change(space, page, PageViews.view(PageViews.generation(view), permissions));
        mapped++;
      }
    }
    long bytes =
        table.protect(space.iova(from), count * PAGE_BYTES, access(permissions), debt.gather);
    checkBytes(OperationKind.PROTECT, from, mapped, bytes);
    return finish(debt);
  }

  private boolean split(
      OperationKind kind, int region, int from, int count, int largestLog2, Debt debt) {
    debt.begin(kind, region);
    begin(kind, from, count, largestLog2);
    long bytes = table.split(space.iova(from), count * PAGE_BYTES, largestLog2, debt.gather);
    checkBytes(kind, from, mappedPages(from, count), bytes);
    return finish(debt);
  }

  private boolean merge(
      OperationKind kind, int region, int from, int count, int largestLog2, Debt debt) {
    debt.begin(kind, region);
    begin(kind, from, count, largestLog2);
    long bytes = table.merge(space.iova(from), count * PAGE_BYTES, largestLog2, debt.gather);
    checkBytes(kind, from, mappedPages(from, count), bytes);
    return finish(debt);
  }

  private boolean fit(int region, int from, int count, int largestLog2, Debt debt) {
    debt.begin(OperationKind.FIT, region);
    begin(OperationKind.FIT, from, count, largestLog2);
    table.fit(space.iova(from), count * PAGE_BYTES, SizeRule.atMost(largestLog2), debt.gather);
    return finish(debt);
  }

  /** The bitmap covers the region, so that pages are found by their numbers. */
  private boolean clearDirty(OperationKind kind, int region, int from, int count, Debt debt) {
    debt.begin(kind, region);
    begin(kind, from, count, 0);
    for (int page = from; page < from + count; page++) {
      debt.change(space, page, space.hardware.after(page)); // it is not settled until flushed
    }
    DirtyBitmap bitmap = debt.bitmap(space);
    long bytes = table.readAndClearDirty(space.iova(from), count * PAGE_BYTES, bitmap, debt.gather);
    checkBytes(kind, from, (int) bitmap.dirtyPages(), bytes);
    return finish(debt);
  }

  private boolean setDirty(int region, int from, int count, Debt debt) {
    debt.begin(OperationKind.SET_DIRTY, region);
    begin(OperationKind.SET_DIRTY, from, count, 0);
    long bytes = table.setDirty(space.iova(from), count * PAGE_BYTES);
    checkBytes(OperationKind.SET_DIRTY, from, mappedPages(from, count), bytes);
    return finish(debt);
  }

  private void checkBytes(OperationKind kind, int from, int mapped, long bytes) {
    if (bytes != mapped * PAGE_BYTES) {
      verdict.violation(
          from,
          "%s from page %d returned %d bytes, %d were mapped"
              .formatted(kind.word(), from, bytes, mapped * PAGE_BYTES));
    }
  }

  /** The operation has returned: what it owes goes to the flusher. */
  private boolean finish(Debt debt) {
    debt.settleSoftware(space);
    IotlbGather gather = debt.gather;
    if (debt.isOver()) {
      debt.endAtOnce(space);
    } else {
      gather.seal();
      flusher.owe(debt);
    }
    return true;
  }
}
