package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.Access;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OpLinesTest {
  @Test
  void everyOpIsRead() throws IOException {
    TraceText read =
        TraceText.read(
            """
            map 0x1000 0x2000 4K rw
            unmap 4096 0x1000
            share 2M 4K
            unshare 0x200000 0x1000
            split 0 1G 2M
            merge 1T 1G 64K
            translate 0x1fff
            dma 0x1000 64 r
            dma 0x1040 3 w
            """);
    assertEquals(
        List.of(
            new TraceEvent.Map(1, 0x1000, OptionalLong.of(0x2000), 4096, Access.READ_WRITE),
            new TraceEvent.Unmap(2, 4096, 4096, false),
            new TraceEvent.Share(3, 2 << 20, 4096),
            new TraceEvent.Unshare(4, 2 << 20, 4096),
            new TraceEvent.Split(5, 0, 1 << 30, 2 << 20),
            new TraceEvent.Merge(6, 1L << 40, 1 << 30, 64 << 10),
            new TraceEvent.Translate(7, 0x1fff),
            new TraceEvent.Dma(8, 0x1000, 64, Access.READ),
            new TraceEvent.Dma(9, 0x1040, 3, Access.WRITE)),
        read.events());
  }

  @ParameterizedTest
  @CsvSource({"r, 1", "w, 2", "rw, 3"})
  void aMapHasOneOfThreePermissions(String permission, int access) throws IOException {
    assertEquals(
        List.of(new TraceEvent.Map(1, 0, OptionalLong.of(0), 4096, access)),
        TraceText.read("map 0 0 4096 " + permission).events());
  }

  @Test
  void addressesAreUnsigned() throws IOException {
    assertEquals(
        List.of(new TraceEvent.Unmap(1, -4096, 4096, false)),
        TraceText.read("unmap 0xfffffffffffff000 4096").events());
  }

  @Test
  void blanksAndTabsSeparateFields() throws IOException {
    assertEquals(
        List.of(new TraceEvent.Unmap(1, 4096, 8192, false)),
        TraceText.read(" \tunmap\t 4096   8192 \t").events());
  }

  @Test
  void valuesThatATableWouldRefuseAreReadAsTheyAre() throws IOException {
    assertEquals(
        List.of(new TraceEvent.Unmap(1, 1, 0, false)), TraceText.read("unmap 1 0").events());
  }

  @Test
  void theWordsOfTheKindsAreTheWordsOfTheLines() throws IOException {
    for (TraceEvent.Kind kind : TraceEvent.Kind.values()) {
      String problem = TraceText.malformed(kind.word());
      assertTrue(problem.contains("expected: " + kind.word() + " <"), problem);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "map",
        "map 0x1000 0x2000 4K",
        "map 0x1000 0x2000 rw",
        "map 0x1000 0x2000 4K rw rw",
        "map 0x1000 0x2000 4K wr",
        "map 0x1000 0x2000 4K RW",
        "map 0x1000 0x2000 4K -",
        "map 0x1000 0x2000 4Q rw",
        "map -1 0x2000 4K rw",
        "map 0x1000 0x10000000000000000 4K rw",
        "unmap 0x1000",
        "unmap 0x1000 4K 4K",
        "share 0x1000",
        "unshare 0x1000 4K rw",
        "split 0 1G",
        "merge 0 1G 2M 2M",
        "translate",
        "translate 0 4K",
        "translate 0x",
        "dma 0 64",
        "dma 0 64 rw",
        "dma 0 64 x"
      })
  void aWrongNumberOfFieldsOrABadFieldIsMalformed(String line) throws IOException {
    assertTrue(TraceText.malformed(line).contains("expected: "), line);
  }

  @ParameterizedTest
  @ValueSource(strings = {"mapped 0 0 4K rw", "Map 0 0 4K rw", "map: 0", "map-12 [001]", "remap 1"})
  void aWordThatOnlyResemblesAnOpIsUnknown(String line) throws IOException {
    TraceText read = TraceText.read(line);
    assertEquals(1, read.counts().skipped());
    assertEquals(0, read.counts().malformed());
  }
}
