package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Access;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TraceReaderTest {
  private static final String MIXED =
      """
      # tracer: nop
      #
      qemu-1 [000] d.H1. 70.5: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x3000 size=4096

      1@2.3:kvm_convert_memory start 0x200000 size 0x1000 private_to_shared
      iommufd_backend_map_dma  iommufd=1 ioas=2 iova=0x0 size=0x1000 addr=0x7f00 readonly=1 (0)
      iommufd_backend_map_dma  iommufd=1 ioas=2 iova=0x0 size=0x1000 addr=0x7f00 readonly=1 (-14)
      qemu-system-x86_64: warning: something else
        # a comment that names kvm_convert_memory
      split 0x1000 4K
      split 0x1000 4K 4K
      IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=0
      kvm_convert_memory start 0x200000 size 0x1000 shared_to_priv
      unmap 0x1000 4K\
      """;

  @Test
  void allFormsMayBeMixed() throws IOException {
    assertEquals(
        List.of(
            new TraceEvent.Map(
                3,
                AddressSpace.SOME_DOMAIN,
                0x1000,
                OptionalLong.of(0x3000),
                4096,
                Access.READ_WRITE),
            new TraceEvent.Share(5, 0x200000, 4096),
            new TraceEvent.Map(
                6, AddressSpace.ofIoas(1, 2), 0, OptionalLong.empty(), 4096, Access.READ),
            new TraceEvent.Split(11, 0x1000, 4096, 4096),
            new TraceEvent.Unmap(14, 0x1000, 4096, false)),
        TraceText.read(MIXED).events());
  }

  @Test
  void everyLineIsCountedWhereItBelongs() throws IOException {
    TraceCounts counts = TraceText.read(MIXED).counts();
    assertEquals(14, counts.lines());
    assertEquals(5, counts.events());
    assertEquals(2, counts.events(TraceEvent.Kind.MAP));
    assertEquals(0, counts.events(TraceEvent.Kind.DMA));
    assertEquals(2, counts.noEffect());
    assertEquals(1, counts.skipped());
    assertEquals(2, counts.malformed());
  }

  @Test
  void theFirstOddLinesAreRemembered() throws IOException {
    TraceCounts counts = TraceText.read(MIXED).counts();
    TraceCounts.Oddity skipped = counts.firstSkipped().getFirst();
    assertEquals(8, skipped.line());
    assertEquals("qemu-system-x86_64: warning: something else", skipped.excerpt());
    assertEquals(
        List.of(10L, 13L), counts.firstMalformed().stream().map(TraceCounts.Oddity::line).toList());
  }

  @Test
  void onlyAFewOddLinesAreRemembered() throws IOException {
    TraceCounts counts = TraceText.read("junk\nmap\n".repeat(1000)).counts();
    assertEquals(1000, counts.skipped());
    assertEquals(1000, counts.malformed());
    assertEquals(TraceCounts.REMEMBERED, counts.firstSkipped().size());
    assertEquals(TraceCounts.REMEMBERED, counts.firstMalformed().size());
  }

  @Test
  void strictReadingEndsAtAnUnknownLine() {
    String message =
        assertThrows(BadInput.class, () -> TraceText.readStrictly("\n# x\nunmap 0 4K\nwhat?\n"))
            .getMessage();
    assertTrue(message.startsWith("some.trace:4: not a line of a trace; expected "), message);
    assertTrue(message.endsWith("found: what?"), message);
  }

  @Test
  void strictReadingEndsAtAMalformedLine() {
    String message =
        assertThrows(BadInput.class, () -> TraceText.readStrictly("unmap 0 4Q")).getMessage();
    assertTrue(message.startsWith("some.trace:1: not a number: '4Q'"), message);
    assertTrue(message.contains("expected: unmap <iova> <length>"), message);
  }

  @Test
  void strictReadingAcceptsBlanksCommentsAndLinesWithoutEffect() throws IOException {
    TraceText read =
        TraceText.readStrictly(
            " \t\r\n# comment\n\nIOMMU: iova=0x0 - 0x1000 size=4096 unmapped_size=0\nunmap 0 4K");
    assertEquals(List.of(new TraceEvent.Unmap(5, 0, 4096, false)), read.events());
  }

  @Test
  void linesMayEndAsOnWindowsAndTheLastOneNotAtAll() throws IOException {
    assertEquals(
        List.of(
            new TraceEvent.Unmap(1, 0, 4096, false), new TraceEvent.Unmap(2, 4096, 4096, false)),
        TraceText.read("unmap 0 4K\r\nunmap 4K 4K").events());
  }

  @Test
  void anEmptyTraceHasNoLines() throws IOException {
    assertEquals(0, TraceText.read("").counts().lines());
  }

  @Test
  void afterTheEndNothingComes() throws IOException {
    try (TraceReader reader =
        new TraceReader(
            "x",
            new ByteArrayInputStream("unmap 0 4K".getBytes(StandardCharsets.US_ASCII)),
            false)) {
      TraceText.drain(reader);
      assertEquals(null, reader.next());
      assertEquals(1, reader.counts().lines());
    }
  }

  @Test
  void aLineTooLongIsPassedOverAndTheNextOneRead() throws IOException {
    int tooLong = 10 * LineSource.MAX_LINE_BYTES;
    TraceText read =
        TraceText.read(
            String.join(
                "\n",
                "x".repeat(tooLong),
                "#" + "x".repeat(tooLong),
                "unmap 0 4K" + " ".repeat(tooLong) + "and more",
                "unmap 0 4K"));
    assertEquals(List.of(new TraceEvent.Unmap(4, 0, 4096, false)), read.events());
    assertEquals(1, read.counts().skipped());
    assertEquals(1, read.counts().malformed());
  }

  @Test
  void aLineThatJustFitsIsRead() throws IOException {
    String line = "unmap 0 4K";
    String padded = " ".repeat(LineSource.MAX_LINE_BYTES - line.length()) + line;
    assertEquals(1, TraceText.read(padded + "\n").events().size());
    assertEquals(0, TraceText.read(" " + padded + "\n").events().size());
  }

  @Test
  void binaryJunkIsSurvivedAndItsExcerptsArePrintable() throws IOException {
    long seed = 42;
    byte[] junk = new byte[1 << 20];
    new Random(seed).nextBytes(junk);
    TraceText read = TraceText.read(junk, false);
    assertEquals(List.of(), read.events());
    TraceCounts counts = read.counts();
    assertTrue(counts.lines() > 1000);
    for (TraceCounts.Oddity oddity : counts.firstSkipped()) {
      assertTrue(oddity.excerpt().matches("[ -~]{0,63}"), oddity.excerpt());
    }
  }

  @Test
  void linesWithDamagedBytesNeverThrow() throws IOException {
    Random random = new Random(7);
    byte[] bytes = MIXED.repeat(200).getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < bytes.length / 20; i++) {
      bytes[random.nextInt(bytes.length)] = (byte) random.nextInt(256);
    }
    TraceCounts counts = TraceText.read(bytes, false).counts();
    assertTrue(counts.malformed() > 0);
    assertTrue(counts.events() > 0);
  }
}
