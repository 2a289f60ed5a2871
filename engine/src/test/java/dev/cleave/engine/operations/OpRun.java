package dev.cleave.engine.operations;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.engine.oracle.SpecWalker;
import dev.cleave.engine.oracle.SpecWalker.Leaf;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Runs operations on a table and, beside it, on a model that knows of each unit of the window only
 * where it leads, what it permits and whether it is dirty. After every operation everything is
 * compared.
 */
final class OpRun implements AutoCloseable {
  private static final int MEMORY_PAGES = 4096;
  private static final long DIRTY_BIT = 1L << 6;

  private final Window window;
  private final TablePages pages;
  private final TableMemory memory;
  private final PageTable table;
  private final IotlbGather gather;
  private final RmpBitmap bitmap;
  private final SizeRule rule;
  private final SpecWalker walker;

  /** The model: paddr of each unit or -1, its permissions, whether it was written to. */
  private final long[] paddr;

  private final int[] access;
  private final boolean[] dirty;

  private final DirtyModel dirtyModel;
  private final DirtyBitmap dirtyPages;

  private List<Leaf> before = List.of();

  OpRun(Window window) {
    this.window = window;
    pages = TablePages.reserve(MEMORY_PAGES * 4096L, MEMORY_PAGES * 4096L, 1L << 32, false);
    memory = TableMemory.of(pages);
    table = PageTable.create(memory, window.config());
    gather = table.newGather();
    bitmap = new RmpBitmap(window.hasRmp() ? window.bytes(window.units()) : 4096);
    if (window.unitLog2() == 21) {
      bitmap.setLarge(0, bitmap.guestBytes(), true);
    }
    rule = bitmap.ruleAt(-window.base());
    walker = SpecWalker.of(pages, table);
    paddr = new long[window.units()];
    access = new int[window.units()];
    dirty = new boolean[window.units()];
    Arrays.fill(paddr, SpecWalker.HOLE);
    dirtyModel = new DirtyModel(window);
    dirtyPages = new DirtyBitmap(window.base(), window.bytes(window.units()), window.unitLog2());
  }

  /** Runs all operations; an assertion fails at the first difference. */
  static void run(Window window, List<Op> ops) {
    try (OpRun run = new OpRun(window)) {
      for (Op op : ops) {
        run.step(op);
      }
    }
  }

  @Override
  public void close() {
    gather.complete();
    table.close();
    bitmap.close();
    memory.close();
  }

  private void step(Op op) {
    int levels = table.levels();
    before = walker.leaves(table.root(), levels);
    long free = MEMORY_PAGES - memory.usedBytes() / 4096;
    long held = op.freePages() < 0 ? 0 : Math.max(0, free - op.freePages());
    assertTrue(pages.tryReserve(held), "pages are lost");
    Reason refused = null;
    try {
      apply(op);
    } catch (PageTableException e) {
      refused = e.reason();
    }
    pages.unreserve(held);
    if (refused == Reason.OUT_OF_TABLE_MEMORY) {
      assertTrue(op.freePages() >= 0, "there was memory");
    } else {
      assertEquals(expectedRefusal(op), refused);
    }
    List<Leaf> after = walker.leaves(table.root(), table.levels());
    List<Leaf> dirtyBefore = dirtyModel.dirtyLeaves(op);
    boolean[] dirtyAfter = new boolean[after.size()];
    for (int i = 0; i < dirtyAfter.length; i++) {
      dirtyAfter[i] = isDirty(after.get(i));
    }
    dirtyModel.check(op, refused == null, after, dirtyAfter);
    if (refused != null) {
      assertEquals(before, after, "a refused operation changes nothing");
    } else {
      applyToModel(op);
      int heldLog2 = table.isTopHeld() ? Geometry.tableLog2(levels) : 0;
      OpChecks checks = new OpChecks(window, before, after, gather, heldLog2);
      switch (op.kind()) {
        case MAP -> checks.mapped(op, null);
        case MAP_RMP -> checks.mapped(op, bitmap);
        case SPLIT, TRACK -> checks.split(op);
        case MERGE -> checks.merged(op, null);
        case FIT -> checks.merged(op, bitmap);
        case UNMAP, PROTECT, TAKE_DIRTY -> checks.outsideKeepsLargest(op);
        default -> {}
      }
      if (op.kind() != Op.Kind.FLUSH) {
        checks.changesAreGathered();
      }
      if (op.kind() == Op.Kind.TAKE_DIRTY || op.kind() == Op.Kind.TRACK) {
        dirtyBefore.forEach(checks::isGathered);
      }
    }
    compare(after);
    exchangeTop();
  }

  /** Devices get the new top, and the old ones go if they are empty. */
  private void exchangeTop() {
    if (table.isTopHeld()) {
      IotlbGather debts = table.newGather();
      table.topExchanged(table.top(), debts);
      debts.complete();
      assertFalse(table.isTopHeld());
    }
  }

  private void apply(Op op) {
    long iova = window.iova(op.at());
    long bytes = window.bytes(op.count());
    long gpa = window.bytes(op.at());
    switch (op.kind()) {
      case MAP -> table.map(iova, op.value() << window.unitLog2(), bytes, op.access());
      case MAP_RMP -> table.map(iova, op.value() << window.unitLog2(), bytes, op.access(), rule);
      case SCATTER -> table.mapScattered(iova, frames(op), 1, op.count(), op.access());
      case UNMAP -> assertEquals(mappedBytes(op), table.unmap(iova, bytes, gather));
      case SPLIT ->
          assertEquals(mappedBytes(op), table.split(iova, bytes, (int) op.value(), gather));
      case MERGE ->
          assertEquals(mappedBytes(op), table.merge(iova, bytes, (int) op.value(), gather));
      case PROTECT ->
          assertEquals(mappedBytes(op), table.protect(iova, bytes, op.access(), gather));
      case FIT -> table.fit(iova, bytes, rule, gather);
      case SHARE -> bitmap.share(gpa, bytes);
      case UNSHARE -> bitmap.unshare(gpa, bytes);
      case LARGE -> bitmap.setLarge(gpa, bytes, op.value() != 0);
      case DIRTY -> setDirty(op);
      case TRACK ->
          assertEquals(
              mappedBytes(op), table.startDirtyTracking(iova, bytes, (int) op.value(), gather));
      case SET_DIRTY -> assertEquals(mappedBytes(op), table.setDirty(iova, bytes));
      case READ_DIRTY -> {
        dirtyPages.clear();
        assertReported(op, table.readDirty(iova, bytes, dirtyPages));
      }
      case TAKE_DIRTY -> {
        dirtyPages.clear();
        assertReported(op, table.readAndClearDirty(iova, bytes, dirtyPages, gather));
      }
      case FLUSH -> gather.complete();
      case CLEAR -> {
        var _ = table.clear(gather);
      }
    }
  }

  private void assertReported(Op op, long bytes) {
    assertEquals(dirtyModel.dirtyBytes(op), bytes);
    BitSet reported = new BitSet();
    for (int unit = 0; unit < window.units(); unit++) {
      reported.set(unit, dirtyPages.isDirty(window.iova(unit)));
    }
    assertEquals(dirtyModel.dirtyUnits(op), reported);
  }

  /** Frames from index 1: runs of 1 to 16 pages, each somewhere else. */
  private static long[] frames(Op op) {
    long[] frames = new long[op.count() + 1];
    for (int i = 0; i < op.count(); i++) {
      frames[i + 1] = op.value() + i + (i / (1 + (op.value() & 15))) * 64L;
    }
    return frames;
  }

  private void setDirty(Op op) {
    long iova = window.iova(op.at());
    if (paddr[op.at()] != SpecWalker.HOLE) {
      pages.or(walker.slotOf(table, iova).paddr(), DIRTY_BIT);
    }
  }

  private @Nullable Reason expectedRefusal(Op op) {
    long mapped = mappedBytes(op);
    return switch (op.kind()) {
      case MAP, MAP_RMP, SCATTER -> mapped != 0 ? Reason.ALREADY_MAPPED : null;
      case UNMAP, SPLIT, MERGE, PROTECT, SET_DIRTY -> mapped == 0 ? Reason.NOT_MAPPED : null;
      case TRACK -> {
        long cut = (window.iova(op.at()) | window.bytes(op.count())) & (1L << op.value()) - 1;
        yield cut != 0 ? Reason.MISALIGNED : mapped == 0 ? Reason.NOT_MAPPED : null;
      }
      default -> null;
    };
  }

  private long mappedBytes(Op op) {
    long units = 0;
    for (int i = op.at(); i < op.at() + op.count(); i++) {
      units += paddr[i] != SpecWalker.HOLE ? 1 : 0;
    }
    return units << window.unitLog2();
  }

  private void applyToModel(Op op) {
    int end = op.at() + op.count();
    for (int i = op.at(); i < end; i++) {
      switch (op.kind()) {
        case MAP, MAP_RMP -> {
          paddr[i] = (op.value() + (i - op.at())) << window.unitLog2();
          access[i] = op.access();
        }
        case SCATTER -> {
          paddr[i] = frames(op)[i - op.at() + 1] << 12;
          access[i] = op.access();
        }
        case UNMAP -> {
          paddr[i] = SpecWalker.HOLE;
          dirty[i] = false;
        }
        case PROTECT -> access[i] = op.access();
        case TAKE_DIRTY, TRACK -> dirty[i] = false;
        case SET_DIRTY -> dirty[i] = paddr[i] != SpecWalker.HOLE;
        case DIRTY -> dirty[i] |= i == op.at() && paddr[i] != SpecWalker.HOLE;
        default -> {}
      }
    }
    if (op.kind() == Op.Kind.CLEAR) {
      Arrays.fill(paddr, SpecWalker.HOLE);
      Arrays.fill(dirty, false);
    }
  }

  private void compare(List<Leaf> leaves) {
    long unitBytes = window.bytes(1);
    long[] seen = new long[window.units()];
    Arrays.fill(seen, SpecWalker.HOLE);
    boolean[] seenDirty = new boolean[window.units()];
    for (Leaf leaf : leaves) {
      boolean leafDirty = isDirty(leaf);
      for (long offset = 0; offset < 1L << leaf.sizeLog2(); offset += unitBytes) {
        long distance = leaf.iova() + offset - window.base();
        int unit = (int) (distance >>> window.unitLog2());
        assertTrue(unit >= 0 && unit < window.units(), "a leaf outside the window: " + leaf);
        seen[unit] = leaf.paddr() + offset - (distance & (unitBytes - 1));
        assertEquals(paddr[unit], seen[unit], "paddr of unit " + unit);
        assertEquals(access[unit], leaf.permissions(), "permissions of unit " + unit);
        seenDirty[unit] |= leafDirty;
      }
    }
    assertEquals(Arrays.toString(paddr), Arrays.toString(seen));
    for (int i = 0; i < window.units(); i++) {
      assertTrue(seenDirty[i] || !dirty[i], "unit " + i + " lost its dirty bit");
      long last = window.iova(i) + unitBytes - 1;
      boolean hole = paddr[i] == SpecWalker.HOLE;
      assertEquals(hole ? PageTable.NOT_MAPPED : paddr[i], table.translate(window.iova(i)));
      assertEquals(hole ? PageTable.NOT_MAPPED : paddr[i] + unitBytes - 1, table.translate(last));
    }
    assertEquals(PageTable.NOT_MAPPED, table.translate(window.base() - 1));
    assertEquals(
        PageTable.NOT_MAPPED, table.translate(window.base() + window.bytes(window.units())));
    assertEquals(leaves, cursorLeaves());
    assertEquals(
        memory.usedBytes() / 4096,
        walker.tables().size() + gather.tablePages(),
        "every page in use is in the tree or waits for a flush");
  }

  private boolean isDirty(Leaf leaf) {
    long slotBytes = 1L << (12 + 9 * (leaf.level() - 1));
    long first = walker.slotOf(table, leaf.iova()).paddr();
    for (int i = 0; i < (1L << leaf.sizeLog2()) / slotBytes; i++) {
      if ((pages.loadAcquire(first + 8L * i) & DIRTY_BIT) != 0) {
        return true;
      }
    }
    return false;
  }

  private List<Leaf> cursorLeaves() {
    List<Leaf> leaves = new ArrayList<>();
    LeafCursor cursor = table.leaves();
    while (cursor.advance()) {
      leaves.add(
          new Leaf(
              cursor.iova(),
              cursor.paddr(),
              cursor.sizeLog2(),
              cursor.access(),
              cursor.entry(),
              cursor.level()));
    }
    return leaves;
  }
}
