package dev.cleave.bench.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What the flush commands of a gather name. */
class FlushBlocksTest {
  private static List<String> blocks(int most, long... pages) {
    List<String> blocks = new ArrayList<>();
    try (TableMemory memory = TableMemory.builder().capacityBytes(1L << 20).build();
        PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX))) {
      // neighbours keep the tables, so that pages alone are flushed
      IotlbGather gather = table.newGather();
      for (long page : pages) {
        table.map(page & -8192, 1L << 40, 8192, Access.READ_WRITE);
        table.split(page & -8192, 8192, 12, gather);
        gather.complete();
      }
      for (long page : pages) {
        var _ = table.unmap(page, 4096, gather);
      }
      FlushBlocks.forEach(
          gather, most, (iova, log2) -> blocks.add("0x%x+%d".formatted(iova, log2)));
      gather.complete();
    }
    return blocks;
  }

  @Test
  void fewAreNamedOneByOne() {
    List<String> each = List.of("0x1000+12", "0x5000+12", "0x20000+12");
    assertEquals(each, blocks(3, 0x1000, 0x5000, 0x20000));
    assertEquals(each, blocks(Integer.MAX_VALUE, 0x1000, 0x5000, 0x20000));
  }

  @Test
  void tooManyAreOneBlockAroundThemAll() {
    assertEquals(List.of("0x0+18"), blocks(2, 0x1000, 0x5000, 0x20000));
    assertEquals(List.of("0x40000000+16"), blocks(1, 0x40005000L, 0x40009000L));
  }

  @Test
  void theHalvesOfAllAddressesAreOneBlockOfAll() {
    assertEquals(List.of("0x0+64"), blocks(1, 0x1000, 0x8000_0000_0000_1000L));
  }

  @Test
  void nothingIsNamedOfNothing() {
    assertEquals(List.of(), blocks(1));
  }
}
