package dev.cleave.engine.ioas;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A tree of ranges against a map of the JDK's. */
class RangeTreeTest {
  private final RangeTree tree = new RangeTree();
  private final RangeTree.Position at = new RangeTree.Position();

  /** First address to last; compared as unsigned. */
  private final TreeMap<Long, Long> model = new TreeMap<>(Long::compareUnsigned);

  private void insert(long first, long last) {
    tree.insert(first, last, first * 3, info(first, last));
    model.put(first, last);
  }

  private void add(long first, long last, boolean isAsked) {
    boolean isFree = isFree(first, last);
    if (isAsked) {
      assertEquals(!isFree, tree.touches(first, last));
    } else {
      assertEquals(isFree, tree.insertIfFree(first, last, first * 3, info(first, last)));
    }
    if (isFree && isAsked) {
      insert(first, last);
    } else if (isFree) {
      model.put(first, last);
    }
  }

  /** Mostly small for a page, which has little room for it. */
  private static long info(long first, long last) {
    boolean isPage = first % PAGE_BYTES == 0 && last - first == PAGE_BYTES - 1;
    long page = first / PAGE_BYTES;
    return isPage && page % 17 != 0 ? page & 0xFFF : last * 5;
  }

  private boolean isFree(long first, long last) {
    Map.Entry<Long, Long> below = model.floorEntry(last);
    return below == null || Long.compareUnsigned(below.getValue(), first) < 0;
  }

  private void remove(long first) {
    assertTrue(tree.seek(first, at));
    tree.remove(at);
    model.remove(first);
    Map.Entry<Long, Long> next = model.higherEntry(first);
    assertEquals(next != null, at.isAtRange());
    if (next != null) {
      assertEquals(next.getKey(), at.first(), "where the position stands now");
    }
  }

  private long lastOf(long first) {
    return Objects.requireNonNull(model.get(first));
  }

  private void removeIfRange(long first, Random random) {
    long last = lastOf(first);
    assertFalse(tree.removeIfRange(first, last + 1, at));
    assertFalse(last != first && tree.removeIfRange(first + 1, last, at));
    assertTrue(tree.removeIfRange(first, last, at));
    assertFalse(at.isAtRange());
    assertEquals(first, at.first());
    assertEquals(last, at.last());
    assertEquals(first * 3, at.offset());
    assertEquals(info(first, last), at.info());
    model.remove(first);
    assertFalse(tree.removeIfRange(first, last, at));
    if (random.nextBoolean()) {
      add(first, last, random.nextBoolean()); // where it was found
    }
  }

  private void checkAll() {
    assertEquals(model.size(), tree.size());
    boolean isThere = tree.seek(0, at);
    for (Map.Entry<Long, Long> range : model.entrySet()) {
      assertTrue(isThere);
      assertEquals(range.getKey(), at.first());
      assertEquals(range.getValue(), at.last());
      assertEquals(range.getKey() * 3, at.offset());
      assertEquals(info(range.getKey(), range.getValue()), at.info());
      isThere = tree.next(at);
    }
    assertFalse(isThere);
  }

  /** The end of a range moves down and up again, with the hole behind it. */
  private void checkChanges(long first) {
    long last = lastOf(first);
    checkInfo(first, 3);
    if (first % 3 == 0) {
      checkInfo(first, last);
    }
    assertTrue(tree.seek(first, at));
    tree.setLast(at, first);
    assertEquals(first, at.last());
    model.put(first, first);
    assertTrue(tree.isRange(first, first));
    checkHole(4);
    assertTrue(tree.seek(first, at));
    tree.setLast(at, last);
    tree.setInfo(at, info(first, last));
    model.put(first, last);
  }

  private void checkInfo(long first, long info) {
    assertTrue(tree.seek(first, at));
    tree.setInfo(at, info);
    assertEquals(info, at.info());
    assertTrue(tree.seek(first, at));
    assertEquals(info, at.info());
    assertEquals(first * 3, at.offset());
    assertEquals(lastOf(first), at.last());
  }

  private void checkSeek(long address) {
    Map.Entry<Long, Long> below = model.floorEntry(address);
    Map.Entry<Long, Long> expected =
        below != null && Long.compareUnsigned(below.getValue(), address) >= 0
            ? below
            : model.higherEntry(address);
    assertEquals(expected != null, tree.seek(address, at));
    if (expected != null) {
      assertEquals(expected.getKey(), at.first());
    }
    assertEquals(expected != null, tree.seekShared(address, at));
    if (expected != null) {
      assertEquals(expected.getKey(), at.first());
    }
    Long last = model.get(address);
    assertEquals(
        last != null && last == address + PAGE_BYTES - 1,
        tree.isRange(address, address + PAGE_BYTES - 1));
    assertEquals(below != null, tree.seekBack(address, at));
    if (below != null) {
      assertEquals(below.getKey(), at.first());
    }
  }

  /** Looks for the first hole of a length from the first range on. */
  private void checkHole(long length) {
    Long expected = null;
    long end = 0;
    for (Map.Entry<Long, Long> range : model.entrySet()) {
      if (Long.compareUnsigned(range.getKey() - end, length) >= 0) {
        expected = range.getKey();
        break;
      }
      end = range.getValue() + 1;
    }
    boolean isThere = tree.seek(0, at) && tree.seekHole(at, length);
    assertEquals(expected != null, isThere);
    if (expected != null) {
      assertEquals(expected, at.first());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void itHoldsWhatAMapHolds(long seed) {
    Random random = new Random(seed);
    long[] windows = {2_000, 20_000, 1L << 40, -1L};
    check(random, windows, false);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void itHoldsPagesAndOtherRangesAmongThem(long seed) {
    long[] windows = {200, 4_000, 1L << 24, -1L >>> 12};
    check(new Random(seed), windows, true);
  }

  private void check(Random random, long[] windows, boolean isInPages) {
    for (int step = 0; step < 60_000; step++) {
      long window = windows[step / 2_000 % windows.length];
      boolean grows = step / 7_000 % 2 == 0;
      long first = Long.remainderUnsigned(random.nextLong(), window);
      long last = first + random.nextInt(step % 3 == 0 ? 1 : 9);
      if (isInPages) {
        long pages = random.nextInt(30) == 0 ? 3 : 1;
        first = (first << 12) + (random.nextInt(step % 4_000 < 2_000 ? 1_000 : 40) == 0 ? 7 : 0);
        last = first + pages * PAGE_BYTES - 1;
      }
      int what = random.nextInt(100);
      if (what < (grows ? 70 : 30)) {
        if (Long.compareUnsigned(first, last) <= 0) {
          add(first, last, step % 2 == 0);
        }
      } else if (what < 90) {
        Long found = model.ceilingKey(first);
        if (found != null && step % 2 == 0) {
          remove(found);
        } else if (found != null) {
          removeIfRange(found, random);
        }
      } else if (what < 93) {
        removeThrough(first, first + (isInPages ? 50 * PAGE_BYTES : random.nextInt(500)));
      } else if (what < 97) {
        checkHole((1L + random.nextInt(30)) * (isInPages ? PAGE_BYTES : 1));
      } else {
        checkSeek(first);
        Long found = model.ceilingKey(first);
        if (found != null) {
          checkChanges(found);
        }
      }
      if (step % 5_000 == 0) {
        checkAll();
      }
    }
    checkAll();
    removeThrough(0, -1L);
    assertEquals(0, tree.size());
    checkAll();
  }

  private void removeThrough(long first, long last) {
    List<Long> gone = new ArrayList<>();
    for (Map.Entry<Long, Long> range : model.tailMap(first).entrySet()) {
      if (Long.compareUnsigned(range.getValue(), last) > 0) {
        break;
      }
      gone.add(range.getKey());
    }
    Map.Entry<Long, Long> start = model.ceilingEntry(first);
    if (start != null && tree.seek(start.getKey(), at)) {
      tree.removeThrough(at, last);
    }
    gone.forEach(model::remove);
  }

  @Test
  void noPageIsFoundBehindThoseThatStandTogether() {
    for (long page = 1; page < 17; page++) {
      insert(page * PAGE_BYTES, page * PAGE_BYTES + PAGE_BYTES - 1);
    }
    for (long page = 0; page < 300; page++) {
      long first = page * PAGE_BYTES;
      boolean isThere = page >= 1 && page < 17;
      assertEquals(isThere, tree.isRange(first, first + PAGE_BYTES - 1));
      assertEquals(isThere, tree.touches(first, first));
    }
  }

  /** A leaf may have room for a page that a range of the leaf before it reaches over. */
  @Test
  void aPageComesInNowhereThatARangeBeforeItHas() {
    for (long page = 0; page < 200; page += 2) {
      insert(page * PAGE_BYTES, page * PAGE_BYTES + PAGE_BYTES - 1);
    }
    for (long page = 2; page < 200; page += 2) {
      long first = page * PAGE_BYTES;
      remove(first);
      insert(first - PAGE_BYTES, first + PAGE_BYTES - 1);
      assertFalse(tree.insertIfFree(first, first + PAGE_BYTES - 1, first * 3, 1));
      remove(first - PAGE_BYTES);
      add(first, first + PAGE_BYTES - 1, true);
    }
    checkAll();
  }

  @Test
  void ascendingRangesFillTheirLeaves() {
    for (long i = 0; i < 100_000; i++) {
      insert(i * 10, i * 10 + 4);
    }
    checkAll();
    checkHole(6);
    checkHole(5);
    for (long i = 0; i < 100_000; i += 2) {
      remove(i * 10);
    }
    checkHole(15);
    checkHole(16);
    checkAll();
  }

  /** Neighbours that are full take nobody in: a node above goes when its last leaf does. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void whatWasBelowANodeThatIsGoneIsFoundAgain(boolean fromTheEnd) {
    int count = 20_000;
    for (long i = 0; i < count; i++) {
      insert(i * 10, i * 10 + 4);
    }
    int from = 2_000;
    int to = 6_000;
    for (int i = 0; i < to - from; i++) {
      remove((fromTheEnd ? to - 1 - i : from + i) * 10L);
    }
    checkAll();
    Random random = new Random(1);
    for (int i = 0; i < 3_000; i++) {
      long first = from * 10L + random.nextInt((to - from) * 10);
      checkSeek(first);
      if (!tree.touches(first, first)) {
        insert(first, first);
      }
    }
    checkAll();
  }

  @Test
  void aHoleIsFoundAfterSearchesThatFoundNone() {
    for (long i = 0; i < 10_000; i++) {
      insert(i * 8, i * 8 + 6);
    }
    for (int i = 0; i < 3; i++) {
      checkHole(2);
    }
    remove(7_000 * 8);
    checkHole(9);
    checkHole(10);
    remove(7_001 * 8);
    checkHole(17);
  }
}
