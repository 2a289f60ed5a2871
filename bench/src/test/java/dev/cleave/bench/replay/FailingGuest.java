package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.rmp.FollowedTable;
import dev.cleave.engine.rmp.PageBacking;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpFollower;
import dev.cleave.engine.rmp.RmpPort;
import java.util.List;
import org.agrona.collections.LongArrayList;

/**
 * A guest of a log whose IOMMU table and nested table follow its page states, by an RMP, flushes
 * and backings any of whose calls can be made to throw once, before it does anything.
 */
final class FailingGuest implements RmpPort, AutoCloseable {
  private static final int BATCH_CHANGES = 64;
  private static final int QUIET_CHANGES = 256;
  private static final long PRIVATE = 1L << 40;
  private static final long SHARED = 1L << 41;

  /** Words that {@link #made} has of each call. */
  static final int WORDS = 3;

  private static final List<String> CALLS =
      List.of("smash", "unsmash", "unassign", "assign", "assign 2M", "flush of table", "map");
  private static final int SMASH = 0;
  private static final int UNSMASH = 1;
  private static final int UNASSIGN = 2;
  private static final int ASSIGN = 3;
  private static final int ASSIGN_LARGE = 4;
  private static final int FLUSH = 5;
  private static final int MAP = 6;

  /** What the failing call throws. */
  static final class Failed extends RuntimeException {
    private static final long serialVersionUID = 1;

    Failed() {
      super("a call that is to fail", null, false, false);
    }
  }

  /** How the guest is followed. */
  record Setup(RmpFollower.Order order, boolean isLazy, boolean isMoved) {}

  private final TableMemory memory = TableMemory.builder().capacityBytes(64 << 20).build();
  private final PageTable iommu =
      PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX).withLevels(4));
  private final PageTable nested =
      PageTable.create(memory, PageTableConfig.of(X86.LINUX).withLevels(4));
  private final List<PageTable> tables = List.of(iommu, nested);
  private final RmpBitmap known;
  private final SimulatedRmp rmp;
  private final RmpFollower follower;
  private final boolean isLazy;

  /** Every call that did something, in order: what, where, how much. */
  private final LongArrayList made = new LongArrayList();

  /** The range of the event under way. */
  private long gpa;

  private long length;
  private int changes;
  private int calls;
  private int failing;
  private boolean isStalled;

  FailingGuest(Setup setup, long guestBytes) {
    isLazy = setup.isLazy();
    known = new RmpBitmap(guestBytes, !setup.isMoved());
    rmp =
        new SimulatedRmp(
            new RmpBitmap(guestBytes), true, new GuestFrames(), tables, List.of(), null);
    follower =
        new RmpFollower(
            tables.stream()
                .map(table -> new FollowedTable(table, 0, setup.isMoved() ? moved(table) : null))
                .toList(),
            known,
            this,
            this::flush,
            setup.order(),
            setup.isLazy());
  }

  /**
   * Carries out an event; what has thrown is asked for again.
   *
   * @param failingCall which of the event's calls throws, from 1; 0 for none
   * @return whether it has thrown
   */
  boolean apply(TraceEvent event, int failingCall) {
    calls = 0;
    failing = failingCall;
    gpa = event.address();
    length =
        switch (event) {
          case TraceEvent.Map map -> map.length();
          case TraceEvent.Share share -> share.length();
          case TraceEvent.Unshare unshare -> unshare.length();
          default -> throw new AssertionError("the log is not as it was: " + event);
        };
    boolean hasThrown =
        switch (event) {
          case TraceEvent.Map map -> {
            populate(map);
            yield false;
          }
          case TraceEvent.Share share -> change(() -> follower.share(share.gpa(), share.length()));
          case TraceEvent.Unshare unshare ->
              change(() -> follower.unshare(unshare.gpa(), unshare.length()));
          default -> throw new AssertionError(event);
        };
    failing = 0;
    return hasThrown;
  }

  private void populate(TraceEvent.Map map) {
    long paddr = map.iova() + PRIVATE;
    rmp.populate(map.iova(), paddr, map.length(), known);
    for (PageTable table : tables) {
      table.map(map.iova(), paddr, map.length(), map.access(), known.rule());
    }
  }

  private boolean change(Runnable change) {
    boolean hasThrown = again(change);
    if (isLazy && ++changes % BATCH_CHANGES == 0) {
      hasThrown |= again(() -> follower.mergeQuiet(QUIET_CHANGES));
    }
    return hasThrown;
  }

  private boolean again(Runnable step) {
    int before = made.size();
    long state = state(gpa, length);
    try {
      step.run();
      return false;
    } catch (Failed _) {
      if (isStalled) {
        throw new AssertionError("DMA is left waiting");
      }
      if (!follower.isUnfinished() && (made.size() != before || state(gpa, length) != state)) {
        throw new AssertionError("taken back, but not as it was");
      }
      step.run();
      return true;
    }
  }

  private void call() {
    if (++calls == failing) {
      throw new Failed();
    }
  }

  private void made(int call, long gpa, long length) {
    made.addLong(call);
    made.addLong(gpa);
    made.addLong(length);
  }

  private void flush(PageTable table, IotlbGather gather) {
    call();
    made(FLUSH, table == iommu ? 0 : 1, gather.toString().hashCode());
  }

  private PageBacking moved(PageTable table) {
    return new PageBacking() {
      @Override
      public void map(long gpa, long length, boolean areShared, SizeRule rule) {
        call();
        made(MAP, gpa, length);
        table.map(gpa, gpa + (areShared ? SHARED : PRIVATE), length, Access.READ_WRITE, rule);
      }

      @Override
      public boolean isContiguous(long region) {
        call();
        return true;
      }
    };
  }

  @Override
  public void smash(long gpa) {
    call();
    made(SMASH, gpa, 0);
    rmp.smash(gpa);
  }

  /** The firmware refuses every third region, so that one sees who asks it again. */
  @Override
  public boolean unsmash(long gpa) {
    call();
    made(UNSMASH, gpa, 0);
    return gpa / REGION_BYTES % 3 != 0 && rmp.unsmash(gpa);
  }

  @Override
  public void unassign(long gpa, long length) {
    call();
    made(UNASSIGN, gpa, length);
    rmp.unassign(gpa, length);
  }

  @Override
  public void assign(long gpa, long length, boolean areLarge) {
    call();
    made(areLarge ? ASSIGN_LARGE : ASSIGN, gpa, length);
    rmp.assign(gpa, length, areLarge);
  }

  @Override
  public boolean canBeLarge(long gpa, long length) {
    call();
    return rmp.canBeLarge(gpa, length);
  }

  /** Throws before, when it cannot stall DMA, or behind the change. */
  @Override
  public void stalled(Runnable change) {
    call();
    isStalled = true;
    try {
      change.run();
    } finally {
      isStalled = false;
    }
    call();
  }

  /** A call as a person reads it. */
  static String callAt(LongArrayList made, int at) {
    return at >= made.size()
        ? "none"
        : "%s 0x%x, 0x%x"
            .formatted(
                CALLS.get((int) made.getLong(at)), made.getLong(at + 1), made.getLong(at + 2));
  }

  /** Every call that did something so far, {@link #WORDS} each: what, where, how much. */
  LongArrayList made() {
    return made;
  }

  /** What the regions of the last event are like: the bitmap, the RMP and both tables. */
  long stateAround() {
    return state(gpa, length);
  }

  /** What all of the guest is like. */
  long state() {
    return state(0, known.guestBytes());
  }

  private long state(long from, long bytes) {
    long first = from & -REGION_BYTES;
    long last = (from + bytes - 1) | (REGION_BYTES - 1);
    long hash = known.sharedPages() * 31 + known.mixedRegions();
    for (RmpBitmap bitmap : List.of(known, rmp.actual())) {
      for (long page = from; page < from + bytes; page += PAGE_BYTES) {
        hash = hash * 31 + (bitmap.isShared(page) ? 1 : 0);
      }
      for (long region = first; region < last; region += REGION_BYTES) {
        hash = hash * 31 + (bitmap.isLarge(region) ? 1 : 0);
      }
    }
    for (PageTable table : tables) {
      hash = hash * 31 + leavesHash(table.leaves().over(first, last));
    }
    return hash;
  }

  private static long leavesHash(LeafCursor leaf) {
    long hash = 17;
    while (leaf.advance()) {
      hash = (hash * 31 + leaf.iova()) * 31 + leaf.paddr();
      hash = hash * 31 + leaf.sizeLog2();
    }
    return hash;
  }

  long usedTableBytes() {
    return memory.usedBytes();
  }

  @Override
  public void close() {
    failing = 0;
    follower.close();
    known.close();
    rmp.close();
    tables.forEach(PageTable::close);
    memory.close();
  }
}
