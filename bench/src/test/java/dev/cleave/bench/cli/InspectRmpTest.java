package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.image.Tables;
import dev.cleave.bench.io.Excerpt;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The RMP beside the table: what a replay leaves agrees, and what is smashed by hand is named. */
class InspectRmpTest {
  private static final long M2 = 2L << 20;
  private static final long BASE = 0x8000_0000L;
  private static final long ENTRIES = BASE + 0x4000;

  @TempDir Path temporary;

  private Path ops;
  private Path image;
  private Path dump;

  /** A guest of 16 MiB at 1 GiB, of whose second region one page and whose third all is shared. */
  @BeforeEach
  void replay() throws IOException {
    ops = temporary.resolve("guest.ops");
    image = temporary.resolve("image");
    dump = image.resolve("rmp-dump.dmesg");
    Files.writeString(
        ops, "map 0 0x40000000 16M rw\nshare 0x201000 4K\nshare 4M 2M\nshare 0x603000 8K\n");
    Cleave.Result result = Cleave.run("replay", "--policy", "follow", "--image", image, ops);
    assertEquals(0, result.code(), result.err());
  }

  /** PSMASH by hand: the one entry of a region becomes 512. */
  private void smash(long spa, long gpa) throws IOException {
    List<String> lines = new ArrayList<>();
    String pfn = "PFN 0x%x, RMP entry".formatted(spa >>> 12);
    for (String line : Files.readAllLines(dump)) {
      if (!line.contains(pfn)) {
        lines.add(line);
        continue;
      }
      for (int page = 0; page < 512; page++) {
        long low = RmpEntry.assigned(gpa + page * 0x1000L, 1, false, false) | RmpEntry.VALIDATED;
        lines.add(
            "SEV-SNP: PFN: 0x%x, [0x%016x - 0x%016x]"
                .formatted(
                    (spa >>> 12) + page, page == 0 ? RmpEntry.withSubpages(low, 511) : low, 0));
      }
    }
    assertTrue(lines.size() > 512, "no entry of " + spa);
    Files.write(dump, lines);
  }

  @Test
  void whatAReplayLeavesAgreesWithItsRmp() {
    for (Object[] command :
        new Object[][] {
          {"inspect", image, "--audit"}, {"inspect", image, "--audit", "--rmp-dump", dump}
        }) {
      Cleave.Result result = Cleave.run(command);
      assertEquals(0, result.code(), result.out() + result.err());
      assertTrue(result.out().endsWith("audit: 0 errors, 0 warnings\n"), result.out());
      assertTrue(
          result.out().contains(" 0 size, 0 owner, 0 gpa, 0 not known; private pages of ASID 1"),
          result.out());
    }
  }

  @Test
  void theFirstPageOfARegionCountsTheOtherPrivateOnes() {
    String out = Cleave.run("inspect", image, "--lookup", "0x200000").out();
    assertTrue(out.contains("ASID 1, validated, subpage count 510 ["), out);
  }

  @Test
  void withoutItsRmpTheSameTableWouldBeToldToMerge() throws IOException {
    Path manifest = image.resolve("manifest.json");
    Files.writeString(manifest, Files.readString(manifest).replace("\"rmp\"", "\"nothing\""));
    Cleave.Result result = Cleave.run("inspect", image, "--audit");
    assertEquals(0, result.code());
    assertTrue(result.out().contains("warning mergeable"), result.out());
    assertFalse(result.out().contains("rmp"), result.out());
  }

  @Test
  void aPageSmashedByHandIsNamedByItsLeaf() throws IOException {
    smash(0x4000_0000L, 0);
    Cleave.Result result =
        Cleave.run("inspect", image, "--audit", "--rmp-dump", dump, "--lookup", "0x5123");
    assertEquals(1, result.code());
    assertTrue(
        result
            .out()
            .contains(
                "error rmp-size domain 1 0x0 2M 0x40000000: a leaf of 2M or more must meet one 2M"
                    + " entry or none, 0x40000000 has 4K entries\n"),
        result.out());
    assertTrue(result.out().contains("1 size, 0 owner, 0 gpa"), result.out());
    assertTrue(
        result
            .out()
            .contains("rmp 0x40005000: assigned, 4K, gpa 0x5000, ASID 1, validated [0x4008"),
        result.out());
    assertTrue(result.out().contains("rmp disagrees: rmp-size"), result.out());
    assertTrue(result.out().contains("audit: 1 errors, 0 warnings"), result.out());
  }

  @Test
  void errorsThatNobodyAskedForDoNotChangeTheExitCode() throws IOException {
    smash(0x4000_0000L, 0);
    Cleave.Result result = Cleave.run("inspect", image);
    assertEquals(0, result.code());
    assertTrue(result.out().contains("ERRORS: 1, which --audit names"), result.out());
  }

  @Test
  void anotherGuestsPagesAreNamedByTheirOwner() {
    Cleave.Result result = Cleave.run("inspect", image, "--audit", "--asid", 7);
    assertEquals(1, result.code());
    assertTrue(
        result.out().contains("belongs to ASID 1, the table is that of ASID 7"), result.out());
    assertTrue(result.out().contains("private pages of ASID 7"), result.out());
  }

  @Test
  void aDumpOfOnePageTellsOfNoOther() throws IOException {
    Path one = temporary.resolve("one.dmesg");
    Files.writeString(one, "PFN 0x40200, RMP entry: [0x4008000000200003 - 0x0000000000000000]\n");
    Cleave.Result result = Cleave.run("inspect", image, "--audit", "--rmp-dump", one);
    assertEquals(1, result.code());
    assertTrue(result.out().contains("a leaf below 2M must meet 4K entries"), result.out());
    assertTrue(result.out().contains("not known"), result.out());
    assertFalse(result.out().contains(" 0 not known"), result.out());
  }

  @Test
  void jsonCountsAndNamesAsTheTextDoes() throws IOException {
    smash(0x4000_0000L, 0);
    Path file = temporary.resolve("out.json");
    Cleave.run("inspect", image, "--audit", "--lookup", 0, "--json", file);
    JsonObject domain =
        JsonParser.parseString(Files.readString(file))
            .getAsJsonObject()
            .getAsJsonArray("domains")
            .get(0)
            .getAsJsonObject();
    assertEquals(1, domain.getAsJsonObject("rmp").get("size").getAsInt());
    JsonObject finding = domain.getAsJsonArray("findings").get(0).getAsJsonObject();
    assertEquals("0x40000000", finding.get("paddr").getAsString());
    assertEquals("0x200000", finding.get("size").getAsString());
    JsonObject lookup = domain.getAsJsonArray("lookups").get(0).getAsJsonObject();
    assertEquals("rmp-size", lookup.get("rmpDisagrees").getAsString());
    assertEquals(1, lookup.getAsJsonObject("rmp").get("asid").getAsInt());
  }

  @Test
  void aReplayOfWhatWasFoundMakesTheSameTable() throws IOException {
    Path found = temporary.resolve("found.ops");
    assertEquals(0, Cleave.run("inspect", image, "--rmp-out", found).code());
    assertEquals(
        """
        # domain 1 of %s
        map 0x0 0x40000000 0x1000000 rw
        unshare 0x0 0x201000
        share 0x201000 0x1000
        unshare 0x202000 0x1fe000
        share 0x400000 0x200000
        unshare 0x600000 0x3000
        share 0x603000 0x2000
        unshare 0x605000 0x9fb000
        """
            .formatted(Excerpt.of(image.toString())),
        Files.readString(found));
    Path first = temporary.resolve("first.csv");
    Path second = temporary.resolve("second.csv");
    Cleave.run("replay", "--policy", "follow", "--leaves", first, ops);
    Cleave.Result again = Cleave.run("replay", "--policy", "follow", "--leaves", second, found);
    assertEquals(0, again.code(), again.err());
    assertEquals(Files.readString(first), Files.readString(second));
  }

  @Test
  void onlyOneTableIsWrittenAndOnlyWithAnRmp() throws IOException {
    Path found = temporary.resolve("found.ops");
    Cleave.run("replay", "--policy", "follow", "--tables", "iommu,npt", "--image", image, ops);
    Cleave.Result both = Cleave.run("inspect", image, "--audit");
    assertEquals(0, both.code(), both.out());
    Cleave.Result result = Cleave.run("inspect", image, "--rmp-out", found);
    assertEquals(2, result.code());
    assertTrue(result.err().contains("choose by --devid"), result.err());
    assertEquals(
        0, Cleave.run("inspect", image, "--devid", "0000:00:01.0", "--rmp-out", found).code());
  }

  @ParameterizedTest
  @ValueSource(strings = {"follow", "follow-lazy", "all-4k", "remap"})
  void everyPolicyAgreesWithItsRmpAndSeparateMemoryDoes(String policy) {
    for (String backing : List.of("in-place", "separate")) {
      Path directory = temporary.resolve(policy + backing);
      Cleave.run("replay", "--policy", policy, "--backing", backing, "--image", directory, ops);
      Cleave.Result result = Cleave.run("inspect", directory, "--audit");
      assertEquals(0, result.code(), result.out());
      assertTrue(result.out().contains("0 errors"), result.out());
    }
  }

  @Test
  void aReplayWithoutPageStatesHasNoRmp() {
    Cleave.run("replay", "--policy", "follow", "--rmp", "off", "--image", image, ops);
    Cleave.Result result = Cleave.run("inspect", image, "--audit");
    assertFalse(result.out().contains("rmp:"), result.out());
  }

  /** A table of one 2 MiB leaf at 2 MiB, and an RMP in memory where that is one private page. */
  private Path withRmpInMemory(long entries) {
    Tables tables = new Tables();
    tables.leaf(0x1000, 1, M2, 21);
    tables.set(entries + 0x2000, 0, RmpEntry.assigned(M2, 3, true, false)).page(entries);
    tables.page(entries + 0x1000).page(entries + 0x3000);
    return tables.write(temporary.resolve("memory"), 0x1000, 2);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0x80000000", "0x80000000:0x80007fff", "2G:0x80008000"})
  void anRmpInTheImageIsReadWhereItIs(String place) {
    Path memory = withRmpInMemory(ENTRIES);
    Cleave.Result result =
        Cleave.run("inspect", memory, "--audit", "--rmp", place, "--lookup", "0x200000");
    assertEquals(0, result.code(), result.out() + result.err());
    assertTrue(result.out().contains("1 agree"), result.out());
    assertTrue(result.out().contains("private pages of ASID 3"), result.out());
    assertTrue(result.out().contains("assigned, 2M, gpa 0x200000, ASID 3"), result.out());
  }

  @Test
  void beyondItsEndTheRmpSaysNothing() {
    Path memory = withRmpInMemory(ENTRIES);
    Cleave.Result result = Cleave.run("inspect", memory, "--rmp", "0x80000000:0x80005fff");
    assertTrue(result.out().contains("1 agree"), result.out());
    assertTrue(result.out().contains("private pages of nobody"), result.out());
  }

  @Test
  void anRmpInSegmentsIsReadByItsTableOrByDmesg() throws IOException {
    Tables tables = new Tables();
    tables.leaf(0x1000, 1, M2, 21);
    tables.set(ENTRIES, 0, 0x9000_0001L);
    tables.set(0x9000_2000L, 0, RmpEntry.assigned(M2, 3, false, false)).page(0x9000_0000L);
    tables.page(0x9000_1000L).page(0x9000_3000L);
    Path memory = tables.write(temporary.resolve("segments"), 0x1000, 2);
    Path dmesg = temporary.resolve("segments.dmesg");
    Files.writeString(
        dmesg,
        "SEV-SNP: RMP segment 0 physical address [0x90000000 - 0x903fffff] covering [0x0 -"
            + " 0x3fffffff]\n");
    for (Object[] options :
        new Object[][] {{"--rmp", "2G", "--rmp-segments", "1G"}, {"--rmp-segments", dmesg}}) {
      List<Object> command = new ArrayList<>(List.of("inspect", memory, "--audit"));
      command.addAll(List.of(options));
      Cleave.Result result = Cleave.run(command.toArray());
      assertEquals(1, result.code(), result.err());
      assertTrue(result.out().contains("error rmp-size domain 7 0x200000 2M 0x200000"));
    }
  }
}
