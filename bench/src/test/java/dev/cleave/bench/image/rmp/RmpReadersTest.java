package dev.cleave.bench.image.rmp;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.image.Mutants;
import dev.cleave.bench.image.rmp.MemoryRmp.Segment;
import dev.cleave.bench.image.rmp.Rmp.Entry;
import dev.cleave.bench.image.rmp.Rmp.Region;
import dev.cleave.bench.io.BadInput;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** RMPs in memory, in one piece and in segments, and as dmesg prints them. */
class RmpReadersTest {
  private static final long M2 = 2L << 20;

  private static PrintedRmp printed(String text) {
    return PrintedRmp.parse("dmesg", text.lines().toList());
  }

  @Test
  void theEntriesOfTheCaseAreTheMachines() throws IOException {
    PrintedRmp rmp = printed(Files.readString(Path.of("src/test/resources/cases/rmp-dump.dmesg")));
    Entry head = rmp.at(0x20_0000).orElseThrow();
    assertEquals(0x80000000000007fdL, head.low());
    assertEquals(
        "assigned, 4K, gpa 0x0, ASID 0 (firmware), immutable, subpage count 255, bit 63 set",
        RmpWords.of(head));
    var fields = RmpWords.fields(head);
    assertEquals(true, fields.get("immutable"));
    assertEquals(255, fields.get("subpages"));
    assertEquals(true, fields.get("bit63"));
    assertEquals(Region.PAGES, rmp.region(0x3F_F000));
    assertEquals(Optional.of(Rmp.HYPERVISORS), rmp.at(0x20_3000), "zero, therefore not printed");
    assertEquals(Optional.empty(), rmp.at(0x40_0000));
    assertEquals(Region.UNKNOWN, rmp.region(0x40_0000));
  }

  @Test
  void aLaterLineReplacesAnEarlierOneAndALaterDumpOfARegionAllOfIt() {
    String region =
        "PFN 0x0 unassigned, dumping non-zero entries in 2M PFN region: [0x0 - 0x200]\n";
    String one = "PFN: 0x1, [0x0000000000000005 - 0x0000000000000000]\n";
    assertEquals(7, printed(one + one.replace("5 -", "7 -")).at(0x1000).orElseThrow().low());
    assertEquals(Region.PAGES, printed(region + one).region(0));
    assertEquals(Region.SHARED, printed(region + one + region).region(0));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "nothing of it",
        "PFN 0x0 unassigned, dumping non-zero entries in 2M PFN region: [0x0 - 0x201]",
        "PFN 0x0 unassigned, dumping non-zero entries in 2M PFN region: [0x100 - 0x300]",
        "PFN 0xffffffffffffffff, RMP entry: [0x0000000000000005 - 0x0000000000000000]",
        "PFN 0x1, RMP entry: [0x10000000000000005 - 0x0000000000000000]"
      })
  void linesThatTellOfNoEntryAreRefused(String text) {
    String message = assertThrows(BadInput.class, () -> printed(text)).getMessage();
    assertTrue(message.startsWith("dmesg:"), message);
  }

  @Test
  void anRmpInMemoryIsReadPageByPage() {
    RmpMemory machine = new RmpMemory();
    machine.assignLarge(M2, 7 * M2, 5);
    MemoryRmp rmp = machine.rmp();
    assertEquals(Region.LARGE, rmp.region(M2 + 0x5000));
    assertEquals(rmp.at(M2), rmp.of(M2 + 0x5000));
    assertEquals(Optional.of(Rmp.HYPERVISORS), rmp.at(M2 + 0x5000));
    assertEquals(Region.SHARED, rmp.region(0));
    assertEquals(Region.SHARED, rmp.region(RmpMemory.COVERED), "beyond its end");
  }

  @Test
  void entriesThatAreNotInTheImageAreNotKnown() {
    MemoryRmp rmp = MemoryRmp.contiguous(new PhysicalMemory(), 0x10_0000, 1L << 30);
    assertEquals(Optional.empty(), rmp.at(0));
    assertEquals(Region.UNKNOWN, rmp.region(0));
  }

  /** Two segments of 64 MiB of system memory, one of them described in part. */
  private static PhysicalMemory segmented() {
    PhysicalMemory memory = new PhysicalMemory();
    memory.allocate(0x10_0000, 0x8000, Arena.ofAuto());
    memory.allocate(0x4000_0000L, 1 << 20, Arena.ofAuto());
    memory.allocate(0x5000_0000L, 1 << 20, Arena.ofAuto());
    memory.setLong(0x10_4000, 0x4000_0001L);
    memory.setLong(0x10_4008, 0x5000_0001L);
    return memory;
  }

  @Test
  void theTableOfSegmentsLeadsToTheEntries() {
    PhysicalMemory memory = segmented();
    List<Segment> segments = RmpSegments.parse(memory, 0x10_0000, 1L << 26);
    assertEquals(
        List.of(
            new Segment(0, 1L << 26, 0x4000_0000L), new Segment(1L << 26, 1L << 26, 0x5000_0000L)),
        segments);
    memory.setLong(0x5000_0000L + 16, 0x5);
    MemoryRmp rmp = new MemoryRmp(memory, segments);
    assertEquals(new Entry(5, 0), rmp.at((1L << 26) + 0x1000).orElseThrow());
    assertEquals(new Entry(0, 0), rmp.at(0x1000).orElseThrow());
  }

  @Test
  void theLinesOfDmesgLeadToTheEntries() {
    List<Segment> segments =
        RmpSegments.parse(
            "dmesg",
            List.of(
                "SEV-SNP: Segmented RMP enabled",
                "SEV-SNP: RMP segment 1 physical address [0x50000000 - 0x5003ffff] covering"
                    + " [0x4000000 - 0x7ffffff]"));
    assertEquals(List.of(new Segment(1L << 26, 1L << 26, 0x5000_0000L)), segments);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "RMP segment 1 physical address [0x5000 - 0x5fff] covering [0x4000000 - 0x7ffffff]",
        "RMP segment 1 physical address [0x5001 - 0x505fff] covering [0x4000000 - 0x4ffffff]",
        "RMP segment 1 physical address [0x5000 - 0x505fff] covering [0x4000000 - 0x3ffffff]"
      })
  void segmentsThatCannotBeAreRefused(String line) {
    assertThrows(BadInput.class, () -> RmpSegments.parse("dmesg", List.of(line)));
  }

  @Test
  void aTableOfSegmentsThatIsNotThereIsRefused() {
    assertThrows(BadInput.class, () -> RmpSegments.parse(segmented(), 0x70_0000, 1L << 26));
    PhysicalMemory memory = new PhysicalMemory();
    memory.allocate(0x10_0000, 0x8000, Arena.ofAuto());
    assertThrows(BadInput.class, () -> RmpSegments.parse(memory, 0x10_0000, 1L << 26));
  }

  @Test
  void whateverDmesgHoldsItIsReadOrRefused() {
    Mutants.feedText(
        List.of(
            """
            SEV-SNP: PFN 0x200 unassigned, dumping non-zero entries in 2M PFN region: [0x200 - 0x400]
            SEV-SNP: PFN: 0x200, [0x80000000000007fd - 0x0000000000000000]
            SEV-SNP: PFN 0x601, RMP entry: [0x0000000000000005 - 0x0000000000000000]
            """),
        input -> printed(new String(input, StandardCharsets.ISO_8859_1)).region(0x20_0000));
    Mutants.feedText(
        List.of("RMP segment 1 physical address [0x5000 - 0x505fff] covering [0x4000 - 0xbfff]"),
        input ->
            RmpSegments.parse(
                "x", new String(input, StandardCharsets.ISO_8859_1).lines().toList()));
  }

  @Test
  void whateverTheTableOfSegmentsHoldsItIsReadOrRefused() {
    PhysicalMemory memory = segmented();
    ByteBuffer table = ByteBuffer.allocate(64).order(ByteOrder.LITTLE_ENDIAN);
    table.putLong(0, 0x4000_0001L).putLong(8, 0x5000_0001L);
    Mutants.feed(
        List.of(table.array()),
        input -> {
          for (int at = 0; at < 64; at += 8) {
            byte[] word =
                Arrays.copyOf(
                    Arrays.copyOfRange(input, Math.min(at, input.length), input.length), 8);
            memory.setLong(
                0x10_4000 + at, ByteBuffer.wrap(word).order(ByteOrder.LITTLE_ENDIAN).getLong());
          }
          MemoryRmp rmp = new MemoryRmp(memory, RmpSegments.parse(memory, 0x10_0000, 1L << 26));
          for (long spa = 0; spa < 1L << 29; spa += 1L << 24) {
            rmp.at(spa);
          }
        });
  }
}
