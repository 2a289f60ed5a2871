package dev.cleave.bench.torture;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.hwmodel.iommu.HostEntry;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * A device that reads and writes everywhere through the table as hardware does: it keeps
 * translations, and the leaf tables that it came through, until they are flushed, and sets accessed
 * and dirty bits in the entry that it met, in whatever table that stands by then. An invalidation
 * waits for the access under way, and drops nothing that is larger than what it names.
 *
 * <p>Entries are read by the hardware model's own account of them.
 */
@SuppressWarnings("ThreadPriorityCheck") // threads outnumber processors
final class Device implements Runnable {
  private static final int READ = 1;
  private static final int WRITE = 2;
  private static final int WAYS = 8;
  private static final int BURST = 256;
  private static final int TRIES = 1000;
  private static final int VIEW_MASK = -1;
  private static final long STATUS = HostEntry.ACCESSED | HostEntry.DIRTY;

  private final TablePages pages;
  private final PageTable table;
  private final Space space;
  private final Verdict verdict;
  private final SplittableRandom random;
  private final AtomicIntegerArray written;

  /** Held for one access, or by who invalidates. */
  private final AtomicBoolean port = new AtomicBoolean();

  /** Kept translations by region and way; a size of 0 stands for none. */
  private final long[] firsts = new long[Space.REGIONS * WAYS];

  private final int[] sizes = new int[Space.REGIONS * WAYS];
  private final long[] paddrs = new long[Space.REGIONS * WAYS];
  private final int[] flags = new int[Space.REGIONS * WAYS];
  private int nextWay;

  /** Kept leaf tables by region, 0 for none. */
  private final long[] leafTables = new long[Space.REGIONS];

  /** What the translation under way came to. */
  private long paddr;

  private int permissions;

  private long accesses;
  private long hits;
  private long marks;

  Device(int number, TablePages pages, PageTable table, Space space, Verdict verdict, long seed) {
    this.written = space.written[number];
    this.pages = pages;
    this.table = table;
    this.space = space;
    this.verdict = verdict;
    this.random = new SplittableRandom(seed);
  }

  @Override
  public void run() {
    while (!verdict.isOver()) {
      int region = random.nextInt(Space.REGIONS);
      int writesOnce = random.nextInt(4 * BURST);
      for (int i = 0; i < BURST; i++) {
        int page = region * Space.REGION_PAGES + random.nextInt(Space.REGION_PAGES);
        boolean isWrite = Space.isQuiet(region) ? i == writesOnce : random.nextInt(4) == 0;
        access(region, page, isWrite);
      }
      Thread.yield(); // to be stopped outside of an access: invalidations wait for it
    }
  }

  /** Reads a page, in any thread. */
  void look(int page) {
    access(page / Space.REGION_PAGES, page, false);
  }

  private void access(int region, int page, boolean isWrite) {
    enter();
    long then = space.hardware.get(page);
    translate(region, space.iova(page), isWrite);
    long now = space.hardware.get(page);
    int generation = permissions == 0 ? 0 : Space.generation(page, paddr);
    int view = generation == -1 ? -1 : PageViews.view(generation, permissions);
    if (isWrite && (permissions & WRITE) != 0 && generation > 0) {
      written.set(page, generation);
    }
    accesses++;
    leave();
    if (view == -1 || !PageViews.allows(then, now, view, VIEW_MASK)) {
      verdict.violation(
          page,
          "a device saw page %d at iova 0x%x as %s (paddr 0x%x); allowed was %s"
              .formatted(
                  page,
                  space.iova(page),
                  view == -1 ? "another page" : PageViews.describe(view),
                  paddr,
                  PageViews.describe(then)));
    }
  }

  private void enter() {
    while (!port.compareAndSet(false, true)) {
      Thread.yield();
    }
  }

  private void leave() {
    port.set(false);
  }

  // ---- translation ---------------------------------------------------------------------------

  private void translate(int region, long iova, boolean isWrite) {
    for (int i = region * WAYS; i < (region + 1) * WAYS; i++) {
      if (sizes[i] != 0 && iova - firsts[i] >= 0 && iova - firsts[i] < 1L << sizes[i]) {
        boolean isClean = (flags[i] & STATUS) != STATUS;
        if (isWrite && (flags[i] & WRITE) != 0 && isClean) {
          sizes[i] = 0; // the dirty bit is to be set first
          break;
        }
        hits++;
        paddr = paddrs[i] + (iova - firsts[i]);
        permissions = flags[i] & (READ | WRITE);
        return;
      }
    }
    for (int tries = 0; !walk(region, iova, isWrite); tries++) {
      leafTables[region] = 0;
      if (tries == TRIES) {
        throw new IllegalStateException("an entry changes under every attempt to mark it");
      }
    }
  }

  /** Walks; false if an entry has changed when it was to be marked. */
  private boolean walk(int region, long iova, boolean isWrite) {
    long top = table.top();
    int level = PageTable.levels(top);
    long in = PageTable.root(top);
    int allowed = READ | WRITE;
    if (leafTables[region] != 0) {
      level = 1;
      in = leafTables[region];
    } else if (level < 6 && iova >>> HostEntry.coverLog2(level + 1) != 0) {
      return hole();
    }
    while (true) {
      long at = HostEntry.slot(in, level, iova);
      long entry = pages.loadAcquire(at);
      if ((entry & HostEntry.PRESENT) == 0) {
        return hole();
      }
      allowed &= HostEntry.permissions(entry);
      int next = HostEntry.nextLevel(entry);
      if (HostEntry.isLeaf(next)) {
        int sizeLog2 =
            next == HostEntry.LEAF ? HostEntry.coverLog2(level) : HostEntry.sizedLeafLog2(entry);
        boolean isDirtied = isWrite && (allowed & WRITE) != 0;
        long bits = HostEntry.ACCESSED | (isDirtied ? HostEntry.DIRTY : 0);
        if (!mark(at, entry, bits)) {
          return false;
        }
        keep(region, iova, entry | bits, sizeLog2, allowed);
        return true;
      }
      if (next >= level) {
        return hole(); // it walks a top that has become one of another level: a fault
      }
      if (!mark(at, entry, HostEntry.ACCESSED)) {
        return false;
      }
      in = entry & HostEntry.ADDRESS;
      level = next;
      if (level == 1) {
        leafTables[region] = in;
      }
    }
  }

  private boolean hole() {
    permissions = 0;
    paddr = 0;
    return true;
  }

  private boolean mark(long at, long entry, long bits) {
    if ((entry & bits) == bits) {
      return true;
    }
    marks++;
    return pages.compareAndSet(at, entry, entry | bits);
  }

  private void keep(int region, long iova, long entry, int sizeLog2, int allowed) {
    long mask = (1L << sizeLog2) - 1;
    int way = region * WAYS + (nextWay++ & (WAYS - 1));
    firsts[way] = iova & ~mask;
    sizes[way] = sizeLog2;
    paddrs[way] = entry & HostEntry.ADDRESS & ~mask;
    flags[way] = allowed | (int) (entry & STATUS);
    paddr = paddrs[way] + (iova & mask);
    permissions = allowed;
  }

  // ---- invalidation --------------------------------------------------------------------------

  /** Keeps accesses out; to be followed by {@link #endInvalidation}. */
  void beginInvalidation() {
    enter();
  }

  /** Drops what lies inside an aligned block. */
  void invalidate(long iova, int sizeLog2, boolean isOfTables) {
    long last = sizeLog2 == Long.SIZE ? -1L : iova + (1L << sizeLog2) - 1;
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] != 0 && isInside(firsts[i], sizes[i], iova, last)) {
        sizes[i] = 0;
      }
    }
    for (int region = 0; isOfTables && region < leafTables.length; region++) {
      if (isInside(space.iova(region * Space.REGION_PAGES), 21, iova, last)) {
        leafTables[region] = 0;
      }
    }
  }

  private static boolean isInside(long first, int sizeLog2, long from, long to) {
    return Long.compareUnsigned(first, from) >= 0
        && Long.compareUnsigned(first + (1L << sizeLog2) - 1, to) <= 0;
  }

  void endInvalidation() {
    leave();
  }

  /** Forgets that it has written to a page; during an invalidation. */
  void forgetWrite(int page) {
    written.set(page, 0);
  }

  // ---- accounts, when it has ended -----------------------------------------------------------

  long accesses() {
    return accesses;
  }

  long hits() {
    return hits;
  }

  long marks() {
    return marks;
  }
}
