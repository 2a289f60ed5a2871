package dev.cleave.engine.operations;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.X86;
import dev.cleave.engine.oracle.SpecWalker.Leaf;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Which leaves are dirty, by brute force: a leaf is dirty after an operation when anything that
 * stood in its place before was, unless the operation is about that very bit. Only a flush that
 * completes may bring back what a merge had replaced.
 */
final class DirtyModel {
  private static final int WRITE = 2;

  private final Window window;
  private List<Leaf> leaves = List.of();
  private boolean[] dirty = {};

  /** Dirty leaves that were there since the last flush. */
  private final List<Leaf> remembered = new ArrayList<>();

  DirtyModel(Window window) {
    this.window = window;
  }

  private static boolean overlaps(Leaf leaf, long first, long last) {
    return Long.compareUnsigned(leaf.iova(), last) <= 0
        && Long.compareUnsigned(leaf.last(), first) >= 0;
  }

  private long first(Op op) {
    return window.iova(op.at());
  }

  private long last(Op op) {
    return first(op) + window.bytes(op.count()) - 1;
  }

  private static long min(long a, long b) {
    return Long.compareUnsigned(a, b) < 0 ? a : b;
  }

  private static long max(long a, long b) {
    return Long.compareUnsigned(a, b) > 0 ? a : b;
  }

  /** Dirty leaves that an operation's range reaches into, as things stand. */
  List<Leaf> dirtyLeaves(Op op) {
    List<Leaf> found = new ArrayList<>();
    for (int i = 0; i < dirty.length; i++) {
      if (dirty[i] && overlaps(leaves.get(i), first(op), last(op))) {
        found.add(leaves.get(i));
      }
    }
    return found;
  }

  /** Bytes of the range that are dirty. */
  long dirtyBytes(Op op) {
    long bytes = 0;
    for (Leaf leaf : dirtyLeaves(op)) {
      bytes += min(leaf.last(), last(op)) - max(leaf.iova(), first(op)) + 1;
    }
    return bytes;
  }

  /** Units of the range that have something dirty. */
  BitSet dirtyUnits(Op op) {
    BitSet units = new BitSet();
    for (Leaf leaf : dirtyLeaves(op)) {
      long from = max(leaf.iova(), first(op)) - window.base();
      long to = min(leaf.last(), last(op)) - window.base();
      units.set((int) (from >>> window.unitLog2()), (int) (to >>> window.unitLog2()) + 1);
    }
    return units;
  }

  /** Takes an operation that was done, or refused, and compares. */
  void check(Op op, boolean isDone, List<Leaf> after, boolean[] dirtyAfter) {
    int next = 0;
    for (int i = 0; i < dirtyAfter.length; i++) {
      Leaf leaf = after.get(i);
      boolean inherited = false;
      while (next < dirty.length
          && Long.compareUnsigned(leaves.get(next).last(), leaf.iova()) < 0) {
        next++;
      }
      for (int k = next;
          k < dirty.length && Long.compareUnsigned(leaves.get(k).iova(), leaf.last()) <= 0;
          k++) {
        inherited |= dirty[k];
      }
      boolean expected = isDone ? after(op, leaf, inherited) : inherited;
      boolean mayComeBack = isDone && op.kind() == Op.Kind.FLUSH && dirtyAfter[i];
      if (mayComeBack && !expected) {
        assertTrue(wasDirty(leaf), "a flush made dirty what never was: " + leaf);
      } else {
        assertEquals(expected, dirtyAfter[i], "dirty: " + leaf);
      }
    }
    if (isDone && op.kind() == Op.Kind.FLUSH) {
      remembered.clear();
    }
    leaves = after;
    dirty = dirtyAfter;
    for (int i = 0; i < dirty.length; i++) {
      if (dirty[i]) {
        remembered.add(leaves.get(i));
      }
    }
  }

  private boolean after(Op op, Leaf leaf, boolean inherited) {
    if (!overlaps(leaf, first(op), last(op))) {
      return inherited;
    }
    boolean bornDirty = window.config().format() == X86.LINUX && (op.access() & WRITE) != 0;
    return switch (op.kind()) {
      case MAP, MAP_RMP, SCATTER -> bornDirty;
      case PROTECT -> inherited || bornDirty;
      case TAKE_DIRTY, TRACK -> false;
      case SET_DIRTY -> true;
      case DIRTY -> inherited || overlaps(leaf, first(op), first(op));
      default -> inherited;
    };
  }

  private boolean wasDirty(Leaf leaf) {
    for (Leaf old : remembered) {
      if (overlaps(old, leaf.iova(), leaf.last())
          && old.paddr() - old.iova() == leaf.paddr() - leaf.iova()) {
        return true;
      }
    }
    return false;
  }
}
