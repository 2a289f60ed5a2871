package dev.cleave.engine.rmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.LeafCursor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A guest's RMP entries, page by page, as {@code docs/spec/rmp.md} §1 and §2 have them. An
 * instruction that hardware would refuse fails the test, and so does one that would take the
 * guest's validation of a page away.
 */
final class FakeRmp implements RmpPort {
  static final long PAGE = 4096;
  static final long REGION = 1L << 21;

  /** What was called, oldest first. */
  final List<String> calls = new ArrayList<>();

  /** For each page whether it is assigned; for each region whether its entry is one of 2 MiB. */
  final BitSet assigned = new BitSet();

  final BitSet large = new BitSet();

  /** Regions that the firmware refuses to unsmash, and those whose memory lies badly. */
  final BitSet refused = new BitSet();

  final BitSet unsuited = new BitSet();

  /** Changes a leaf and an entry in one step. */
  interface Exchange {
    boolean exchange(long gpa, long slot, long table);
  }

  /** What does that, if anything. */
  @Nullable Exchange exchange;

  private final int pages;

  /** A guest that is private, in 2 MiB entries where whole regions are. */
  FakeRmp(long guestBytes) {
    pages = (int) (guestBytes / PAGE);
    assigned.set(0, pages);
    large.set(0, (int) (guestBytes / REGION));
  }

  private static int page(long gpa) {
    return (int) (gpa / PAGE);
  }

  private static int region(long gpa) {
    return (int) (gpa / REGION);
  }

  @Override
  public void smash(long gpa) {
    calls.add("smash");
    assertEquals(0, gpa % REGION, "PSMASH of a 2 MiB-aligned page");
    assertTrue(large.get(region(gpa)), "PSMASH of a 2 MiB entry");
    large.clear(region(gpa));
  }

  @Override
  public boolean unsmash(long gpa) {
    calls.add("unsmash");
    assertEquals(0, gpa % REGION, "UNSMASH of a 2 MiB-aligned page");
    assertFalse(large.get(region(gpa)), "UNSMASH of 4 KiB entries");
    assertTrue(assigned.nextClearBit(page(gpa)) >= page(gpa + REGION), "UNSMASH of 512 pages");
    assertFalse(unsuited.get(region(gpa)), "UNSMASH of consecutive pages");
    large.set(region(gpa), !refused.get(region(gpa)));
    return !refused.get(region(gpa));
  }

  @Override
  public void unassign(long gpa, long length) {
    calls.add("unassign");
    checkNoLargeEntryReachesOverAnEnd(gpa, length);
    assigned.clear(page(gpa), page(gpa + length));
    for (long region = (gpa + REGION - 1) & -REGION; region < gpa + length; region += REGION) {
      large.clear(region(region));
    }
  }

  private void checkNoLargeEntryReachesOverAnEnd(long gpa, long length) {
    for (long end : new long[] {gpa, gpa + length}) {
      assertFalse(end % REGION != 0 && large.get(region(end)), "a 4K page inside a 2M entry");
    }
  }

  @Override
  public void assign(long gpa, long length, boolean isLarge) {
    calls.add(isLarge ? "assign 2M" : "assign 4K");
    int taken = assigned.nextSetBit(page(gpa));
    assertTrue(taken < 0 || taken >= page(gpa + length), "a page was assigned already");
    assertTrue(page(gpa + length) <= pages, "beyond the guest");
    assigned.set(page(gpa), page(gpa + length));
    if (isLarge) {
      assertEquals(0, (gpa | length) % REGION, "a 2 MiB entry covers a region");
      assertTrue(canBeLarge(gpa, length), "memory lies badly for a 2 MiB entry");
      large.set(region(gpa), region(gpa + length));
    }
  }

  @Override
  public boolean canBeLarge(long gpa, long length) {
    int bad = unsuited.nextSetBit(region(gpa));
    return bad < 0 || bad >= region(gpa + length);
  }

  @Override
  public boolean canExchange(long gpa) {
    return exchange != null;
  }

  @Override
  public boolean exchange(long gpa, long slot, long table) {
    return exchange != null && exchange.exchange(gpa, slot, table);
  }

  @Override
  public void stalled(Runnable change) {
    calls.add("stall");
    change.run();
    calls.add("resume");
  }

  /** Fails unless every leaf is legal, as {@code docs/spec/rmp.md} §3 says. */
  void checkLeaves(FollowedTable followed) {
    LeafCursor leaf = followed.table().leaves();
    while (leaf.advance()) {
      long first = leaf.iova() - followed.guestIova();
      long end = first + (1L << leaf.sizeLog2());
      for (long gpa = first; gpa < end; gpa += REGION) {
        int from = page(gpa & -REGION);
        int to = Math.min(from + 512, pages);
        int private4K = assigned.get(from, to).cardinality();
        boolean isLarge = large.get(region(gpa));
        boolean isLegal = leaf.sizeLog2() < 21 ? !isLarge : isLarge || private4K == 0;
        assertTrue(
            isLegal,
            () ->
                "a leaf of 2^%d at 0x%x, %d pages private, 2 MiB entry %s"
                    .formatted(leaf.sizeLog2(), leaf.iova(), private4K, isLarge));
      }
    }
  }

  /** Fails unless a bitmap knows what is. */
  void checkBitmap(RmpBitmap bitmap) {
    for (int page = 0; page < pages; page++) {
      boolean isKnown =
          assigned.get(page) != bitmap.isShared(page * PAGE)
              && large.get(page / 512) == bitmap.isLarge(page * PAGE);
      if (!isKnown) {
        throw new AssertionError("the bitmap is wrong about page " + page);
      }
    }
  }

  /** All that is known, to compare. */
  List<String> state() {
    return Arrays.asList(assigned.toString(), large.toString());
  }
}
