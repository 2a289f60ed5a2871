package dev.cleave.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The ten lines of Java that the README shows. */
class LibraryExampleTest {
  @Test
  void theReadmesExampleRunsAndPrintsWhatTheReadmeSays() throws IOException {
    StringBuilder printed = new StringBuilder();
    try (TableMemory memory = TableMemory.builder().capacityBytes(1L << 30).build();
        PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX))) {
      IotlbGather gather = table.newGather();
      table.map(0x40000000L, 0x100000000L, 1L << 30, Access.READ_WRITE);
      var _ = table.split(0x40200000L, 4096, 12, gather);
      gather.forEachBlock((iova, sizeLog2) ->
          printed.append(String.format("flush 0x%x, 2^%d bytes%n", iova, sizeLog2)));
      gather.complete();
      printed.append(String.format("0x%x%n", table.translate(0x40200123L)));
      var _ = table.merge(0x40000000L, 1L << 30, 30, gather);
      gather.complete();
      assertEquals(1, table.statistics().merges());
    }
    String readme = Files.readString(Path.of("../README.md"));
    assertEquals(2, printed.toString().lines().count());
    printed.toString().lines().forEach(line -> assertTrue(readme.contains("`" + line + "`"), line));
  }
}
