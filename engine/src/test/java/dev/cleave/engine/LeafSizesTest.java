package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Which leaves a range is made of: every range of small windows, against brute force. */
@Tag("slow")
class LeafSizesTest {
  private static final int UNITS = 40;

  /** A window of units of 2^unitLog2 bytes, with paddr minus iova, and the sizes allowed. */
  record Case(long base, int unitLog2, long delta, long sizes) {
    long at(int unit) {
      return base + ((long) unit << unitLog2);
    }

    /** The last byte before a unit. */
    long before(int unit) {
      return at(unit) - 1;
    }

    /** The largest leaf around an address that lies in a range, or -1. */
    int around(long address, long first, long last) {
      for (int size = 63; size >= 0; size--) {
        long mask = (1L << size) - 1;
        long from = address & ~mask;
        if ((sizes >>> size & 1) != 0
            && (delta & mask) == 0
            && Long.compareUnsigned(from, first) >= 0
            && Long.compareUnsigned(from + mask, last) <= 0) {
          return size;
        }
      }
      return -1;
    }

    /**
     * Where the leaves of a range end, and their sizes, by asking for the largest at every step.
     */
    List<long[]> layout(long first, long last) {
      List<long[]> leaves = new ArrayList<>();
      long at = first;
      while (true) {
        int size = around(at, at, last);
        long end = at + (1L << size) - 1;
        leaves.add(new long[] {at, end, size});
        if (end == last) {
          return leaves;
        }
        at = end + 1;
      }
    }
  }

  static Stream<Case> cases() {
    long all = 0x000FFF7FFFFFF000L;
    long x86 = 1L << 12 | 1L << 21 | 1L << 30;
    List<Case> cases = new ArrayList<>();
    for (long delta : new long[] {0, 0x1000, 0x4000, 1L << 21, 5L << 30, -(1L << 22)}) {
      for (long base :
          new long[] {0, 0x3000, (1L << 21) - 0x14000, (1L << 39) - 0x10000, -(UNITS * 0x1000L)}) {
        cases.add(new Case(base, 12, delta, all));
        cases.add(new Case(base, 12, delta, x86));
        cases.add(new Case(base, 12, delta, 1L << 12 | 1L << 14 | 1L << 16));
      }
    }
    for (long delta : new long[] {0, 1L << 20, 1L << 22, 1L << 30}) {
      for (long base : new long[] {0, (1L << 30) - (19L << 19), -((long) UNITS << 19)}) {
        cases.add(new Case(base, 19, delta, all));
        cases.add(new Case(base, 19, delta, x86));
      }
    }
    cases.add(new Case(-((long) UNITS << 47), 47, 0, all));
    cases.add(new Case((1L << 48) - (7L << 38), 38, 0, all));
    return cases.stream();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theGreedyLayoutIsTheOneInWhichEveryAddressLiesInTheLargestLeafAroundIt(Case at) {
    for (int from = 0; from < UNITS; from++) {
      for (int to = from + 1; to <= UNITS; to++) {
        long first = at.at(from);
        long last = at.before(to);
        for (long[] leaf : at.layout(first, last)) {
          assertEquals(leaf[2], LeafSizes.covering(leaf[0], first, last, at.delta(), at.sizes()));
          assertEquals(leaf[2], LeafSizes.covering(leaf[1], first, last, at.delta(), at.sizes()));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void largestAtIsTheLargestAlignedLeafThatFits(Case at) {
    for (int from = 0; from < UNITS; from++) {
      for (int to = from + 1; to <= UNITS; to++) {
        long first = at.at(from);
        long last = at.before(to);
        assertEquals(
            at.around(first, first, last),
            LeafSizes.largestAt(first, last, first + at.delta(), at.sizes()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void aRunGoesOnUntilTheLayoutHasAnotherSize(Case at) {
    for (int from = 0; from < UNITS; from++) {
      for (int to = from + 1; to <= UNITS; to++) {
        long first = at.at(from);
        long last = at.before(to);
        List<long[]> layout = at.layout(first, last);
        int size = (int) layout.getFirst()[2];
        long end = layout.getFirst()[1];
        for (long[] leaf : layout) {
          if (leaf[2] != size) {
            break;
          }
          end = leaf[1];
        }
        assertEquals(end, LeafSizes.runLast(first, last, first + at.delta(), size, at.sizes()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void theTablesCountedAreThoseThatTheLayoutStandsIn(Case at) {
    int topLevel = 6;
    for (int from = 0; from < UNITS; from++) {
      for (int to = from + 1; to <= UNITS; to++) {
        long first = at.at(from);
        long last = at.before(to);
        assertEquals(
            tables(at, first, last, topLevel).size(),
            LeafSizes.tables(first, last, first + at.delta(), at.sizes(), topLevel, false));
      }
    }
  }

  /** All tables below the top that hold a leaf of the layout or lead to one, by name. */
  private static Set<String> tables(Case at, long first, long last, int topLevel) {
    Set<String> tables = new HashSet<>();
    for (long[] leaf : at.layout(first, last)) {
      int leafLevel = (int) (leaf[2] - 12) / 9 + 1;
      for (int level = leafLevel; level < topLevel; level++) {
        tables.add(level + ":" + (leaf[0] >>> (12 + 9 * level)));
      }
    }
    return tables;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void tablesThatTwoPiecesShareAreCountedOnce(Case at) {
    for (int middle = 1; middle < UNITS; middle++) {
      long first = at.at(0);
      long cut = at.before(middle);
      long last = at.before(UNITS);
      Set<String> all = tables(at, first, cut, 6);
      all.addAll(tables(at, cut + 1, last, 6));
      long counted =
          LeafSizes.tables(first, cut, first + at.delta(), at.sizes(), 6, false)
              + LeafSizes.tables(cut + 1, last, cut + 1 + at.delta(), at.sizes(), 6, true);
      assertEquals(all.size(), counted);
    }
  }

  @Test
  void whereNoLeafFitsThereIsNone() {
    assertEquals(-1, LeafSizes.largestAt(0x1000, 0x1fff, 0x1000, 1L << 21));
    assertEquals(-1, LeafSizes.covering(0x1000, 0x1000, 0x1fff, 0, 1L << 21));
  }

  @Test
  void sizesUpToALimitIncludeIt() {
    assertEquals(1L << 12 | 1L << 21, LeafSizes.upTo(21, 1L << 12 | 1L << 21 | 1L << 22));
  }

  @Test
  void aBlockIsAPowerOfTwoLongAndAMultipleOfThat() {
    assertTrue(LeafSizes.isBlock(0, 0x1000));
    assertTrue(LeafSizes.isBlock(0x7000, 0x1000));
    assertTrue(LeafSizes.isBlock(0x20_0000, 0x20_0000));
    assertTrue(LeafSizes.isBlock(-0x20_0000L, 0x20_0000));
    assertFalse(LeafSizes.isBlock(0x1000, 0x2000), "not a multiple");
    assertFalse(LeafSizes.isBlock(0, 0x3000), "no power of two");
    assertFalse(LeafSizes.isBlock(0x3000, 0x3000), "no power of two");
  }
}
