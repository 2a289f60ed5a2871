package dev.cleave.bench.image;

import static dev.cleave.bench.image.Dumps.PAGE;

import dev.cleave.bench.image.Dumps.Range;
import java.io.ByteArrayInputStream;
import java.io.StringReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Whatever an image holds, its reader takes it or refuses it in words. */
class ImageFuzzTest {
  private static final byte[] TWO_PAGES = Dumps.memory(2 * PAGE);
  private static final Range[] RANGES = {
    new Range(0x1000, TWO_PAGES), new Range(0x1_0000_0000L, Dumps.memory(PAGE + 100))
  };

  @Test
  void cores() {
    Mutants.feed(
        List.of(Dumps.elf(RANGES)),
        input -> ElfCoreReader.parse("x", MemorySegment.ofArray(input)));
  }

  @Test
  void limeImages() {
    Mutants.feed(
        List.of(Dumps.lime(RANGES)), input -> LimeReader.parse("x", MemorySegment.ofArray(input)));
  }

  @Test
  void flattenedDumps() {
    Mutants.feed(
        List.of(Dumps.flattened(TWO_PAGES, 1000)),
        input -> FlattenedReader.parse("x", MemorySegment.ofArray(input), 1L << 42));
  }

  @Test
  void kdumps() {
    Mutants.feed(
        List.of(Dumps.kdump(0, TWO_PAGES, 3, 4), Dumps.kdump(1, TWO_PAGES, 3, 9)),
        input -> {
          try (Arena arena = Arena.ofConfined()) {
            KdumpReader.read("x", MemorySegment.ofArray(input), arena);
          }
        });
  }

  @Test
  void pageIndexes() {
    Mutants.feedText(
        List.of("0x1000\n0x2000\n0x10000000\n", "1000\r\n3000"),
        input -> PageIndex.parse("x", new ByteArrayInputStream(input)));
  }

  @Test
  void manifests() {
    String manifest =
        """
        {"mmio_regs":{"dev_tab_base":"0x800001"},"page_image":{"n_pages":2},"rmp":{"dump":"r.txt"},
         "iommu_devices":{"00:01.0":{"dte_raw":"%s"}},
         "domains":[{"domain_id":1,"root":"0x1000","mode":3,"format":"v1","devices":["00:01.0"]}]}
        """
            .formatted("03".repeat(32));
    Mutants.feedText(
        List.of(manifest),
        input ->
            ManifestReader.parse(
                "x", new StringReader(new String(input, StandardCharsets.ISO_8859_1)), 2));
  }
}
