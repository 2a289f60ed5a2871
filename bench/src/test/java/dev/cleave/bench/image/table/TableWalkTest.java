package dev.cleave.bench.image.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.image.Tables;
import dev.cleave.bench.image.table.TableWalk.Refused;
import dev.cleave.bench.image.table.TableWalk.Translated;
import dev.cleave.engine.format.Access;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TableWalkTest {
  private static final long TOP = 0x10_0000;
  private static final long MIDDLE = 0x20_0000;
  private static final long BOTTOM = 0x30_0000;

  private final Tables tables = new Tables();

  private TableWalk walk(int levels, long iova) {
    return TableWalk.of(tables.memory(), TableRoot.of(Tables.FORMAT, TOP, levels, Tables.RW), iova);
  }

  private String refusal(int levels, long iova) {
    return assertInstanceOf(Refused.class, walk(levels, iova).outcome()).reason();
  }

  @Test
  void theOffsetInsideASizedLeafIsKept() {
    tables.directory(TOP, 0, BOTTOM, 1).leaf(BOTTOM, 32, 0x7_0000, 16, Access.READ);
    TableWalk walk = walk(2, 0x2_9ABC);
    assertEquals(new Translated(0x7_9ABC, Access.READ, 0x1_0000), walk.outcome());
    assertEquals(List.of(TOP, BOTTOM), walk.steps().stream().map(Site::table).toList());
    assertEquals(41, walk.steps().getLast().index());
  }

  @Test
  void addressBitsThatAStepSkipsMustBeZero() {
    tables.directory(TOP, 3, BOTTOM, 1).leaf(BOTTOM, 5, 0x7000, 12);
    long start = 3L << 39;
    assertEquals(new Translated(0x7008, Tables.RW, 4096), walk(4, start + 0x5008).outcome());
    assertTrue(refusal(4, start + (1L << 21) + 0x5008).contains("skips"));
    assertTrue(refusal(4, start + (1L << 38) + 0x5008).contains("skips"));
  }

  @Test
  void everyReasonNotToTranslateIsNamed() {
    tables.directory(TOP, 0, MIDDLE, 2).page(BOTTOM);
    tables.directory(MIDDLE, 1, BOTTOM, 2);
    tables.set(MIDDLE, 2, Tables.FORMAT.directory(0x999_0000, 1));
    tables.leaf(MIDDLE, 3, 0, 21).change(MIDDLE, 3, entry -> entry | 1L << 52);
    assertEquals("the entry is not present", refusal(3, 0));
    assertTrue(refusal(3, 1L << 39).contains("3 levels"));
    assertTrue(refusal(3, 1L << 21).startsWith("next-level"));
    assertTrue(refusal(3, 2L << 21).contains("not in the image"));
    assertTrue(refusal(3, 3L << 21).startsWith("reserved-bits"));
  }

  @Test
  void everyLeafThatTheDecoderListsIsWhatTheWalkFindsEvenInRandomBytes() {
    SplittableRandom random = new SplittableRandom(17);
    for (int i = 0; i < 6; i++) {
      for (int index = 0; index < 512; index++) {
        // Present, small addresses, any NextLevel: directories among the six pages, leaves,
        // nonsense.
        long entry =
            1 | random.nextLong(8) << 9 | random.nextLong(8) << 12 | random.nextLong(4) << 61;
        tables.set((long) i << 12, index, random.nextInt(3) == 0 ? entry : 0);
      }
    }
    for (int levels = 1; levels <= 3; levels++) {
      TableRoot root = TableRoot.of(Tables.FORMAT, 0, levels, Tables.RW);
      List<LeafRow> rows = new ArrayList<>();
      TableDecoder.decode(
          tables.memory(),
          root,
          new TableVisitor() {
            @Override
            public void leaf(LeafRow row) {
              rows.add(row);
            }
          });
      assertTrue(rows.size() > 20);
      for (LeafRow row : rows) {
        long offset = random.nextLong(row.sizeBytes());
        var outcome = TableWalk.of(tables.memory(), root, row.site().iova() + offset).outcome();
        Translated to = assertInstanceOf(Translated.class, outcome);
        assertEquals(row.paddr() + offset, to.paddr());
        assertEquals(row.access(), to.access());
      }
    }
  }
}
