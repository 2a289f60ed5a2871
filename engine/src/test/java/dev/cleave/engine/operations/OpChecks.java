package dev.cleave.engine.operations;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.oracle.SpecWalker.Leaf;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What an operation must have done to leaf sizes, by brute force over the leaves before and after.
 */
final class OpChecks {
  private final Window window;
  private final List<Leaf> before;
  private final List<Leaf> after;
  private final IotlbGather gather;

  /** A leaf at address 0 that is as large would cover a top that is held; 0 for none. */
  private final int heldLog2;

  OpChecks(Window window, List<Leaf> before, List<Leaf> after, IotlbGather gather, int heldLog2) {
    this.heldLog2 = heldLog2;
    this.window = window;
    this.before = before;
    this.after = after;
    this.gather = gather;
  }

  private long first(Op op) {
    return window.iova(op.at());
  }

  private long last(Op op) {
    return window.iova(op.at()) + window.bytes(op.count()) - 1;
  }

  private static boolean within(Leaf leaf, long first, long last) {
    return Long.compareUnsigned(leaf.iova(), first) >= 0
        && Long.compareUnsigned(leaf.last(), last) <= 0;
  }

  private static boolean overlaps(Leaf leaf, long first, long last) {
    return Long.compareUnsigned(leaf.iova(), last) <= 0
        && Long.compareUnsigned(leaf.last(), first) >= 0;
  }

  /** New leaves are the largest that fit between the ends of the map; others are untouched. */
  void mapped(Op op, @Nullable RmpBitmap bitmap) {
    for (Leaf leaf : after) {
      if (within(leaf, first(op), last(op))) {
        assertLargest(leaf, first(op), last(op), bitmap);
      } else {
        assertTrue(before.contains(leaf), "a leaf outside changed: " + leaf);
      }
    }
  }

  /** No size above the leaf's own would fit in the range around it and be legal. */
  private void assertLargest(Leaf leaf, long first, long last, @Nullable RmpBitmap bitmap) {
    assertTrue((window.pageSizes() & 1L << leaf.sizeLog2()) != 0, "not a page size: " + leaf);
    for (int size = leaf.sizeLog2() + 1; size < 52; size++) {
      long mask = (1L << size) - 1;
      if ((window.pageSizes() & 1L << size) == 0 || ((leaf.iova() ^ leaf.paddr()) & mask) != 0) {
        continue;
      }
      long from = leaf.iova() & ~mask;
      boolean fits =
          Long.compareUnsigned(from, first) >= 0 && Long.compareUnsigned(from | mask, last) <= 0;
      assertTrue(
          !fits
              || (bitmap != null && !isLegal(from, size, bitmap))
              || (heldLog2 != 0 && from == 0 && size >= heldLog2),
          "a leaf of 2^" + size + " fits around " + leaf);
    }
  }

  private boolean isLegal(long iova, int sizeLog2, RmpBitmap bitmap) {
    if (sizeLog2 < 21) {
      return true;
    }
    for (long offset = 0; offset < 1L << sizeLog2; offset += 1L << 21) {
      if (!bruteAllowsLarge(iova + offset - window.base(), bitmap)) {
        return false;
      }
    }
    return true;
  }

  /** The three cases of docs/spec/rmp.md §3, page by page. */
  private static boolean bruteAllowsLarge(long region, RmpBitmap bitmap) {
    int shared = 0;
    for (int page = 0; page < 512; page++) {
      long gpa = region + page * 4096L;
      shared += gpa >= bitmap.guestBytes() || bitmap.isShared(gpa) ? 1 : 0;
    }
    return shared == 512 || (shared == 0 && region < bitmap.guestBytes() && bitmap.isLarge(region));
  }

  /** No leaf in the range is above the limit; what reached over an end is largest outside. */
  void split(Op op) {
    for (Leaf leaf : after) {
      if (overlaps(leaf, first(op), last(op))) {
        assertTrue(leaf.sizeLog2() <= op.value(), "too large: " + leaf);
      }
    }
    for (Leaf leaf : after) {
      Leaf old = leafAround(before, leaf.iova());
      if (old.sizeLog2() > leaf.sizeLog2()) {
        boolean inside = within(leaf, first(op), last(op));
        long limited = window.pageSizes() & (-1L >>> (63 - op.value()));
        for (int size = leaf.sizeLog2() + 1; size <= old.sizeLog2(); size++) {
          long from = leaf.iova() >>> size << size;
          long to = from + (1L << size) - 1;
          Leaf block = new Leaf(from, 0, size, 0, 0, 0);
          boolean clear =
              inside ? within(block, first(op), last(op)) : !overlaps(block, first(op), last(op));
          long allowed = inside ? limited : window.pageSizes();
          assertTrue(
              (allowed & 1L << size) == 0
                  || !clear
                  || Long.compareUnsigned(from, old.iova()) < 0
                  || Long.compareUnsigned(to, old.last()) > 0
                  || (old.paddr() - old.iova() & (1L << size) - 1) != 0,
              "a leaf of 2^" + size + " fits around " + leaf);
        }
      }
    }
  }

  /** Leaves outside the range are as they were, or what is left of one that reached inside. */
  void outsideKeepsLargest(Op op) {
    for (Leaf leaf : after) {
      if (!overlaps(leaf, first(op), last(op))) {
        Leaf old = leafAround(before, leaf.iova());
        boolean below = Long.compareUnsigned(leaf.iova(), first(op)) < 0;
        long from = old.iova();
        long to = old.last();
        if (overlaps(old, first(op), last(op))) {
          from = below ? old.iova() : last(op) + 1;
          to = below ? first(op) - 1 : old.last();
          assertLargest(leaf, from, to, null);
        } else {
          assertEquals(old, leaf);
        }
      }
    }
  }

  /** Nothing in the range could still be merged, nothing got smaller that was legal. */
  void merged(Op op, @Nullable RmpBitmap bitmap) {
    int limit = bitmap == null ? (int) op.value() : 51;
    for (Leaf leaf : after) {
      Leaf old = leafAround(before, leaf.iova());
      if (!within(leaf, first(op), last(op))) {
        boolean split = bitmap != null && overlaps(old, first(op), last(op));
        assertTrue(split || old.equals(leaf), "a leaf outside changed: " + leaf);
        continue;
      }
      if (bitmap == null || isLegal(old.iova(), old.sizeLog2(), bitmap)) {
        assertTrue(old.sizeLog2() <= leaf.sizeLog2(), "got smaller: " + leaf);
      } else if (leaf.sizeLog2() >= 21 && (window.pageSizes() & 0x1FFFFF) != 0) {
        assertTrue(isLegal(leaf.iova(), leaf.sizeLog2(), bitmap), "still illegal: " + leaf);
      }
      for (int size = leaf.sizeLog2() + 1; size <= limit; size++) {
        long from = leaf.iova() >>> size << size;
        long to = from + (1L << size) - 1;
        boolean inRange =
            Long.compareUnsigned(from, first(op)) >= 0 && Long.compareUnsigned(to, last(op)) <= 0;
        assertTrue(
            (window.pageSizes() & 1L << size) == 0
                || !inRange
                || (bitmap != null && !isLegal(from, size, bitmap))
                || !isContiguous(from, to, size),
            "a leaf of 2^" + size + " could be made around " + leaf);
      }
    }
  }

  private boolean isContiguous(long from, long to, int size) {
    long at = from;
    long delta = 0;
    int permissions = 0;
    for (Leaf leaf : after) {
      if (!overlaps(leaf, from, to)) {
        continue;
      }
      if (leaf.iova() == from) {
        delta = leaf.paddr() - leaf.iova();
        permissions = leaf.permissions();
      }
      if (leaf.iova() != at
          || leaf.paddr() - leaf.iova() != delta
          || leaf.permissions() != permissions) {
        return false;
      }
      at = leaf.last() + 1;
    }
    return at == to + 1 && (delta & (1L << size) - 1) == 0;
  }

  private static Leaf leafAround(List<Leaf> leaves, long iova) {
    for (Leaf leaf : leaves) {
      if (overlaps(leaf, iova, iova)) {
        return leaf;
      }
    }
    throw new AssertionError("nothing was mapped at " + Long.toHexString(iova));
  }

  /**
   * A leaf that is not there any more as it was is to be flushed, whole, unless it grew inside its
   * table.
   */
  void changesAreGathered() {
    Set<Leaf> still = new HashSet<>();
    for (Leaf leaf : after) {
      still.add(withoutStatus(leaf));
    }
    for (Leaf leaf : before) {
      if (!still.contains(withoutStatus(leaf)) && !grewInPlace(leaf)) {
        isGathered(leaf);
      }
    }
  }

  /** A leaf is to be flushed, by a command that names all of it. */
  void isGathered(Leaf leaf) {
    boolean covered = false;
    for (int i = 0; i < gather.rangeCount(); i++) {
      covered |= within(leaf, gather.rangeFirst(i), gather.rangeLast(i));
    }
    assertTrue(covered, "not gathered: " + leaf);
    boolean[] inBlock = new boolean[1];
    gather.forEachBlock((iova, sizeLog2) -> {
      long last = sizeLog2 == 64 ? -1L : iova + (1L << sizeLog2) - 1;
      inBlock[0] |= within(leaf, iova, last);
    });
    assertTrue(inBlock[0], "no flush command covers all of " + leaf);
  }

  private boolean grewInPlace(Leaf old) {
    for (Leaf leaf : after) {
      if (overlaps(leaf, old.iova(), old.iova())) {
        return leaf.level() == old.level()
            && leaf.sizeLog2() > old.sizeLog2()
            && leaf.paddr() - leaf.iova() == old.paddr() - old.iova()
            && leaf.permissions() == old.permissions();
      }
    }
    return false;
  }

  private static Leaf withoutStatus(Leaf leaf) {
    return new Leaf(
        leaf.iova(),
        leaf.paddr(),
        leaf.sizeLog2(),
        leaf.permissions(),
        leaf.entry() & ~0x60L,
        leaf.level());
  }
}
