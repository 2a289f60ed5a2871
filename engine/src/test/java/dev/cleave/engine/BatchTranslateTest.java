package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Many addresses in one call lead where each leads by itself. */
class BatchTranslateTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long PATIENCE_NANOS = 30_000_000_000L;
  private static final long UNTOUCHED = 0x7777;

  private static void assertAsOneAtATime(PageTable table, long[] iovas, int from, int count) {
    long[] paddrs = new long[iovas.length];
    Arrays.fill(paddrs, UNTOUCHED);
    int mapped = table.translate(iovas, from, count, paddrs);
    int expectedMapped = 0;
    for (int i = 0; i < iovas.length; i++) {
      boolean isIn = i >= from && i < from + count;
      long expected = isIn ? table.translate(iovas[i]) : UNTOUCHED;
      expectedMapped += isIn && expected != PageTable.NOT_MAPPED ? 1 : 0;
      assertEquals(expected, paddrs[i], () -> Arrays.toString(iovas));
    }
    assertEquals(expectedMapped, mapped);
  }

  @ParameterizedTest
  @EnumSource(TableKind.class)
  void everyAddressLeadsWhereItLeadsByItself(TableKind kind) {
    Random random = new Random(16);
    try (SmallTable small = new SmallTable(kind)) {
      long base = kind.base();
      small.table.map(base, 0, 8 * REGION, Access.READ_WRITE, SizeRule.atMost(12));
      small.table.unmap(base + 3 * PAGE, 5 * PAGE, small.gather);
      small.table.map(base + 16 * REGION, 16 * REGION, 5 * REGION, Access.READ_WRITE);
      small.table.map(base + 32 * REGION, 16 * PAGE, 64 * PAGE, Access.READ);
      small.table.map(base + (1L << 30), 1L << 30, 1L << 30, Access.READ_WRITE);
      for (int count : new int[] {0, 1, 2, 63, 64, 65, 128, 129, 500}) {
        long[] iovas = new long[count + 7];
        Arrays.setAll(
            iovas,
            _ ->
                switch (random.nextInt(8)) {
                  case 0 -> random.nextLong();
                  case 1 -> -1L;
                  case 2 -> base + (1L << 30) + random.nextLong(1L << 30);
                  case 3 -> base + 32 * REGION + random.nextLong(REGION);
                  default -> base + random.nextLong(32 * REGION);
                });
        assertAsOneAtATime(small.table, iovas, 3, count);
      }
    }
  }

  /** An entry of the lowest table that names a table below it is an error to hardware. */
  @Test
  void noTableIsLookedForBelowTheLowest() {
    try (SmallTable small = new SmallTable(PageTableConfig.of(AmdV1.LINUX).withLevels(1))) {
      small.table.map(PAGE, 1L << 40, PAGE, Access.READ_WRITE);
      small.pages.or(small.table.root() + 8, 2 << 9); // its entry has a next level of 2
      long[] iovas = {0, PAGE};
      assertEquals(PageTable.NOT_MAPPED, small.table.translate(PAGE));
      assertAsOneAtATime(small.table, iovas, 0, iovas.length);
    }
  }

  @Test
  void anEmptyTableAndOneOfOneLevelAreWalkedToo() {
    long[] iovas = {0, PAGE, REGION, -1, 1L << 60};
    try (SmallTable small = new SmallTable(PageTableConfig.of(AmdV1.LINUX).withLevels(1))) {
      assertAsOneAtATime(small.table, iovas, 0, iovas.length);
      small.table.map(0, 0, 2 * PAGE, Access.READ_WRITE);
      assertAsOneAtATime(small.table, iovas, 0, iovas.length);
      small.table.map(1L << 60, 1L << 40, PAGE, Access.READ_WRITE);
      assertAsOneAtATime(small.table, iovas, 0, iovas.length);
    }
  }

  @Test
  void whatDoesNotFitInTheArraysIsRefusedAndNothingTranslated() {
    try (SmallTable small = new SmallTable()) {
      long[] four = {UNTOUCHED, UNTOUCHED, UNTOUCHED, UNTOUCHED};
      long[] five = new long[5];
      PageTable table = small.table;
      assertThrows(IndexOutOfBoundsException.class, () -> table.translate(five, 0, 5, four));
      assertThrows(IndexOutOfBoundsException.class, () -> table.translate(four, 1, 4, five));
      assertThrows(IndexOutOfBoundsException.class, () -> table.translate(five, -1, 2, four));
      assertThrows(IndexOutOfBoundsException.class, () -> table.translate(five, 0, -1, four));
      assertThrows(IllegalArgumentException.class, () -> table.translate(four, 0, 4, four));
      assertTrue(Arrays.stream(four).allMatch(word -> word == UNTOUCHED));
    }
  }

  @Test
  void aClosedTableRefusesEvenNoAddresses() {
    PageTable table;
    try (SmallTable small = new SmallTable()) {
      table = small.table;
      table.close();
      PageTableException e =
          assertThrows(
              PageTableException.class, () -> table.translate(new long[1], 0, 0, new long[1]));
      assertEquals(Reason.CLOSED, e.reason());
    }
  }

  @ParameterizedTest
  @EnumSource(TableKind.class)
  void besideAWriterEachAddressIsAsBeforeOrAsAfter(TableKind kind) throws InterruptedException {
    long base = kind.base() + (1L << 30);
    long moving = base + 64 * REGION;
    try (SmallTable small = new SmallTable(kind)) {
      PageTable table = small.table;
      table.map(base, 1L << 30, 8 * REGION, Access.READ_WRITE, SizeRule.atMost(12));
      table.map(moving, 1L << 35, 8 * REGION, Access.READ_WRITE, SizeRule.atMost(12));
      AtomicBoolean isOver = new AtomicBoolean();
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                for (int i = 0; !isOver.get(); i++) {
                  table.split(base, 8 * REGION, 12, small.gather);
                  table.merge(base, 8 * REGION, 21, small.gather);
                  table.unmap(moving, 8 * REGION, small.gather);
                  small.gather.complete(); // the pages become other tables at once
                  table.map(
                      moving,
                      (1L << 35) + (i & 1) * (1L << 30),
                      8 * REGION,
                      Access.READ_WRITE,
                      SizeRule.atMost(12));
                }
              });
      Random random = new Random(1);
      long[] iovas = new long[40];
      long[] paddrs = new long[40];
      int holes = 0;
      long end = System.nanoTime() + PATIENCE_NANOS;
      for (int round = 0; round < 5_000 || (holes == 0 && System.nanoTime() < end); round++) {
        for (int i = 0; i < iovas.length; i++) {
          iovas[i] = (i % 2 == 0 ? base : moving) + random.nextLong(8 * REGION);
        }
        int mapped = table.translate(iovas, 0, iovas.length, paddrs);
        for (int i = 0; i < iovas.length; i += 2) {
          assertEquals((1L << 30) + (iovas[i] - base), paddrs[i]);
          long there = paddrs[i + 1];
          long first = (1L << 35) + (iovas[i + 1] - moving);
          assertTrue(
              there == PageTable.NOT_MAPPED || there == first || there == first + (1L << 30),
              () -> Long.toHexString(there));
          holes += there == PageTable.NOT_MAPPED ? 1 : 0;
        }
        assertTrue(mapped >= iovas.length / 2);
      }
      isOver.set(true);
      writer.join();
      assertTrue(holes > 0, "the writer was seen at work");
    }
  }
}
