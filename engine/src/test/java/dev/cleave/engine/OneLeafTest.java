package dev.cleave.engine;

import static dev.cleave.engine.fixture.SmallTable.PAGE;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.slotsLog2;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** One leaf a call, in a table that was found before: every size, in its first and last place. */
class OneLeafTest {
  private static final int RW = Access.READ_WRITE;

  /** Every size that leaves room for two in the space of a kind. */
  static Stream<Arguments> leaves() {
    return Stream.of(TableKind.values())
        .flatMap(kind ->
            IntStream.range(12, 44)
                .filter(size -> (kind.config().pageSizes() & 1L << size) != 0)
                .mapToObj(size -> Arguments.of(kind, size)));
  }

  /** Where the table lies that has leaves of a size: its first and its last leaf. */
  private record Places(long first, long last, long bytes) {
    static Places of(TableKind kind, int sizeLog2) {
      long bytes = 1L << sizeLog2;
      long tableBytes = 1L << (sizeLog2 - slotsLog2(sizeLog2) + 9);
      return new Places(kind.base(), kind.base() + tableBytes - bytes, bytes);
    }
  }

  private static void map(SmallTable small, long iova, long bytes) {
    small.table.map(iova, bytes, bytes, RW);
  }

  @ParameterizedTest
  @MethodSource("leaves")
  void aLeafComesAndGoesBesideAnother(TableKind kind, int sizeLog2) {
    Places at = Places.of(kind, sizeLog2);
    try (SmallTable small = new SmallTable(kind)) {
      map(small, at.last, at.bytes);
      map(small, at.first, at.bytes);
      assertEquals(List.of(sizeLog2, sizeLog2), small.sizes());
      assertEquals(at.bytes, small.table.translate(at.first));
      assertEquals(2 * at.bytes - 1, small.table.translate(at.first + at.bytes - 1));
      long stores = small.table.statistics().entryStores();
      assertEquals(at.bytes, small.table.unmap(at.first, at.bytes, small.gather));
      assertEquals(
          1L << slotsLog2(sizeLog2), small.table.statistics().entryStores() - stores, "stores");
      assertEquals(1, small.gather.rangeCount());
      assertEquals(at.first, small.gather.rangeFirst(0));
      assertEquals(at.first + at.bytes - 1, small.gather.rangeLast(0));
      assertEquals(List.of(sizeLog2), small.sizes());
      small.gather.complete();
      stores = small.table.statistics().entryStores();
      map(small, at.first, at.bytes);
      assertEquals(
          1L << slotsLog2(sizeLog2), small.table.statistics().entryStores() - stores, "stores");
      assertEquals(List.of(sizeLog2, sizeLog2), small.sizes());
    }
  }

  @ParameterizedTest
  @MethodSource("leaves")
  void theLastLeafOfATableTakesTheTableWithIt(TableKind kind, int sizeLog2) {
    Places at = Places.of(kind, sizeLog2);
    try (SmallTable small = new SmallTable(kind)) {
      map(small, at.last, at.bytes);
      map(small, at.first, at.bytes);
      small.table.unmap(at.last, at.bytes, small.gather);
      small.table.unmap(at.first, at.bytes, small.gather);
      assertEquals(leafLevel(sizeLog2) < small.table.levels(), small.gather.hasTables());
      small.gather.complete();
      assertEquals(List.of(), small.leaves());
      map(small, at.first, at.bytes);
      assertEquals(List.of(sizeLog2), small.sizes());
    }
  }

  @ParameterizedTest
  @MethodSource("leaves")
  void aMapOverAnyPageOfALeafIsRefused(TableKind kind, int sizeLog2) {
    Places at = Places.of(kind, sizeLog2);
    try (SmallTable small = new SmallTable(kind)) {
      map(small, at.last, at.bytes);
      map(small, at.first, at.bytes);
      small.table.unmap(at.first, at.bytes, small.gather);
      small.gather.complete();
      long taken = at.first + at.bytes - PAGE;
      map(small, taken, PAGE);
      small.assertRefused(
          Reason.ALREADY_MAPPED, taken, "is mapped", () -> map(small, at.first, at.bytes));
    }
  }

  @ParameterizedTest
  @MethodSource("leaves")
  void anUnmapOfABlockWithAHoleTakesAllTheRest(TableKind kind, int sizeLog2) {
    Places at = Places.of(kind, sizeLog2);
    try (SmallTable small = new SmallTable(kind)) {
      map(small, at.last, at.bytes);
      map(small, at.first, at.bytes);
      if (sizeLog2 == 12) {
        return; // it is all or nothing
      }
      small.table.unmap(at.first + at.bytes - PAGE, PAGE, small.gather);
      assertEquals(at.bytes - PAGE, small.table.unmap(at.first, at.bytes, small.gather));
      assertEquals(List.of(sizeLog2), small.sizes());
    }
  }

  @ParameterizedTest
  @MethodSource("leaves")
  void anUnmapOfThePartOfALeafThatCouldBeALeafSplitsIt(TableKind kind, int sizeLog2) {
    Places at = Places.of(kind, sizeLog2);
    long sizes = kind.config().pageSizes() & (1L << sizeLog2) - 1;
    if (sizes == 0) {
      return; // it has no such part
    }
    long part = Long.highestOneBit(sizes);
    try (SmallTable small = new SmallTable(kind)) {
      map(small, at.last, part); // so that the table of such a part was found, too
      map(small, at.first, at.bytes);
      assertEquals(part, small.table.unmap(at.first, part, small.gather));
      assertEquals(PageTable.NOT_MAPPED, small.table.translate(at.first));
      assertEquals(at.bytes + part, small.table.translate(at.first + part));
      assertEquals(at.first + at.bytes - 1, small.gather.rangeLast(0), "the whole old leaf");
    }
  }

  @Test
  void aLeafThatStandsWhereATableWaitsIsSeenByDevicesThatRememberTheTable() {
    try (SmallTable small = new SmallTable()) {
      map(small, 1L << 21, 1L << 21);
      map(small, 0, PAGE);
      small.table.unmap(0, PAGE, small.gather);
      assertEquals(1, small.gather.tablePages());
      IotlbGather other = small.table.newGather();
      map(small, 0, 1L << 21);
      assertEquals(List.of(21, 21), small.sizes());
      assertEquals(1L << 21, small.table.unmap(0, 1L << 21, other));
      other.complete();
      assertEquals(1, small.gather.tablePages());
      small.gather.complete();
      assertEquals(2 * PAGE, small.memory.usedBytes(), "the top, and where the other leaf is");
    }
  }
}
