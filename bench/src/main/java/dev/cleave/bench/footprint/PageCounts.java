package dev.cleave.bench.footprint;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.levelsFor;
import static dev.cleave.engine.format.Geometry.tableLog2;

import dev.cleave.bench.replay.Outcome;
import dev.cleave.bench.replay.Policy;
import dev.cleave.bench.replay.PolicyRun;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpFollower;
import java.util.OptionalLong;
import java.util.stream.LongStream;

/**
 * Table pages by level: those of a real table that a policy has built, and the fewest there can be.
 */
final class PageCounts {
  private static final int LEVELS_AT_LEAST = 3;
  private static final int MOST_LEVELS = 6;
  private static final long TABLE_BYTES = 64L << 30;
  private static final long LEAST_BASE = 1L << 30;
  private static final SizeRule ANY = SizeRule.atMost(Long.SIZE - 1);

  /** Pages at each level, by level; index 0 is 0. */
  private final long[] built;

  private final long[] minimum;
  private final long pinnedBytes;

  private PageCounts(long[] built, long[] minimum, long pinnedBytes) {
    this.built = built;
    this.minimum = minimum;
    this.pinnedBytes = pinnedBytes;
  }

  /** Builds the table of a guest under a policy, page state by page state, and counts. */
  static PageCounts of(Guest guest, Policy policy) {
    long[] minimum = minimum(guest, policy);
    ReplayOptions options =
        new ReplayOptions(
                AmdV1.LINUX.leafSizes(),
                levels(guest.bytes()),
                true,
                guest.bytes(),
                0,
                RmpFollower.Order.TABLE_FIRST,
                TABLE_BYTES,
                0,
                0)
            .withSharedBase(policy.isSharedBacked() ? sharedBase(guest.bytes()) : 0);
    try (PolicyRun run = new PolicyRun(policy, options, false, null)) {
      build(guest, run);
      long[] pages = new long[MOST_LEVELS + 1];
      for (int level = 1; level <= MOST_LEVELS; level++) {
        pages[level] = run.tablePages(level);
      }
      return new PageCounts(pages, minimum, run.pinnedBytes());
    }
  }

  /** Where shared pages lie, if they have memory of their own: behind the guest, aligned to it. */
  private static long sharedBase(long guestBytes) {
    return Long.highestOneBit(Math.max(guestBytes, LEAST_BASE) - 1) << 1;
  }

  static int levels(long guestBytes) {
    return Math.max(LEVELS_AT_LEAST, levelsFor(guestBytes - 1));
  }

  private static void build(Guest guest, PolicyRun run) {
    apply(run, new TraceEvent.Map(1, 0, OptionalLong.of(0), guest.bytes(), Access.READ_WRITE));
    guest.forEachSharedRun((gpa, length) -> apply(run, new TraceEvent.Share(1, gpa, length)));
    var churn = guest.churn();
    Guest.forEachRun(churn, (gpa, length) -> apply(run, new TraceEvent.Share(1, gpa, length)));
    Guest.forEachRun(churn, (gpa, length) -> apply(run, new TraceEvent.Unshare(1, gpa, length)));
    run.rest();
  }

  private static void apply(PolicyRun run, TraceEvent event) {
    run.prepare(event);
    Outcome outcome = run.apply(event);
    if (!outcome.isOk()) {
      throw new IllegalStateException(event + " ended as " + outcome.status());
    }
  }

  private static long[] minimum(Guest guest, Policy policy) {
    int levels = levels(guest.bytes());
    long small = 1L << PAGE_LOG2;
    long sizes = policy.hasSmallLeaves() ? small : AmdV1.LINUX.leafSizes();
    return switch (policy) {
      case ALL_4K -> MinimumTables.count(SizeRule.atMost(PAGE_LOG2), guest.bytes(), sizes, levels);
      case STATIC -> MinimumTables.count(ANY, guest.bytes(), sizes, levels);
      case SHARED_ONLY_4K, SHARED_ONLY, SHARED_ONLY_LAZY ->
          MinimumTables.countShared(guest, sizes, levels);
      case FOLLOW, FOLLOW_LAZY, REMAP -> minimumFollowing(guest, levels);
    };
  }

  private static long[] minimumFollowing(Guest guest, int levels) {
    try (RmpBitmap states = new RmpBitmap(guest.bytes())) {
      long wholeRegions = guest.bytes() & -REGION_BYTES;
      if (wholeRegions != 0) {
        states.setLarge(0, wholeRegions, true);
      }
      guest.forEachSharedRun(states::share);
      return MinimumTables.count(states.rule(), guest.bytes(), AmdV1.LINUX.leafSizes(), levels);
    }
  }

  /**
   * Pages in use for a guest that is made of many like this one, behind one another. If it is more
   * than one, none may be a single leaf, so that no leaf goes beyond it.
   *
   * @param count number of pieces
   * @param guestBytes bytes of all pieces
   */
  long built(long count, long guestBytes) {
    return total(built, count, guestBytes);
  }

  /** Memory that devices of as many pieces can reach. */
  long pinnedBytes(long count) {
    return count * pinnedBytes;
  }

  /** Pages that cannot be done without; otherwise as {@link #built}. */
  long minimum(long count, long guestBytes) {
    return total(minimum, count, guestBytes);
  }

  private static long total(long[] pages, long count, long guestBytes) {
    if (count == 1) {
      return LongStream.of(pages).sum();
    }
    long sum = 0;
    for (int level = 1; level < LEVELS_AT_LEAST; level++) {
      sum += count * pages[level];
    }
    for (int level = LEVELS_AT_LEAST; level <= levels(guestBytes); level++) {
      sum += ((guestBytes - 1) >>> tableLog2(level)) + 1;
    }
    return sum;
  }
}
