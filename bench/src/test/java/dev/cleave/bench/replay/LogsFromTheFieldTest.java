package dev.cleave.bench.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Small logs as programs of today write them, through the command, with every policy. */
class LogsFromTheFieldTest {
  private static final Path LOGS = Path.of("src/test/resources/logs");

  @TempDir Path temporary;

  /** What a replay wrote. */
  private record Written(Cleave.Result run, String results, String leaves, JsonObject json) {
    JsonObject policy(int index) {
      return json.getAsJsonArray("policies").get(index).getAsJsonObject();
    }

    List<String> warnings() {
      return json.getAsJsonArray("warnings").asList().stream()
          .map(JsonElement::getAsString)
          .toList();
    }
  }

  private Written replay(Path log, Object... options) throws IOException {
    Path results = temporary.resolve("results.csv");
    Path leaves = temporary.resolve("leaves.csv");
    Path json = temporary.resolve("out.json");
    List<Object> arguments =
        new ArrayList<>(
            List.of("replay", "--results", results, "--leaves", leaves, "--json", json));
    arguments.addAll(List.of(options));
    arguments.add(log);
    Cleave.Result run = Cleave.run(arguments.toArray());
    assertEquals(0, run.code(), run.err());
    return new Written(
        run,
        Files.readString(results),
        Files.readString(leaves),
        JsonParser.parseString(Files.readString(json)).getAsJsonObject());
  }

  private Path log(String text) throws IOException {
    return Files.writeString(temporary.resolve("some.log"), text);
  }

  private static Path bundled(String name) {
    return LOGS.resolve(name);
  }

  @ParameterizedTest
  @CsvSource({
    "map-file.log, '1,map,OK,134217728|2,share,OK,4096'",
    "unmap-all.log, '1,map,OK,134217728|2,unmap,OK,134217728'",
    "region-lines.log, '1,map,OK,655360|2,map,OK,133169152|3,share,OK,4096|4,unmap,OK,655360'",
    "attributes.ftrace, '1,share,OK,4096|2,unshare,OK,4096'",
    "named-device.ftrace, '1,map,OK,4096'",
    "shared-only.log,"
        + " '1,share,OK,2097152|2,map,OK,2097152|3,share,OK,2097152|4,map,OK,2097152'",
    "small-map.ops, '1,map,OK,524288'",
    "scratch-page.ftrace, '1,map,OK,8192|2,unmap,OK,4096|3,unmap,OK,4096|4,map,OK,2097152|"
        + "5,map,OK,2097152'"
  })
  void everyEventIsCarriedOut(String name, String rows) throws IOException {
    Written written = replay(bundled(name));
    assertEquals("line,op,status,bytes\n" + rows.replace('|', '\n') + "\n", written.results);
    for (int i = 0; i < 4; i++) {
      assertEquals(0, written.policy(i).get("failed").getAsLong());
      assertEquals(0, written.policy(i).get("illegalLeaves").getAsLong());
    }
  }

  @Test
  void eachIoasKeepsWhatIsMappedInIt() throws IOException {
    Written written = replay(bundled("two-ioas.log"));
    assertEquals(
        """
        space,line,op,status,bytes
        iommufd11.ioas3,1,map,OK,134217728
        iommufd11.ioas4,2,map,OK,134217728
        iommufd11.ioas4,3,unmap,OK,134217728
        """,
        written.results);
    assertEquals(
        """
        space,iova,phys,size,perm,raw_pte_hex,level,next_level_field,slots,index
        iommufd11.ioas3,0x0,0x0,0x8000000,rw,0x7000000003fffe01,2,7,64,0
        """,
        written.leaves);
    for (int i = 0; i < 4; i++) {
      JsonArray spaces = written.policy(i).getAsJsonArray("spaces");
      assertEquals(2, spaces.size());
      JsonObject freed = spaces.get(1).getAsJsonObject();
      assertEquals("iommufd11.ioas4", freed.get("space").getAsString());
      assertEquals(2, freed.get("events").getAsLong());
      assertEquals(4096, freed.get("tableBytesEnd").getAsLong());
      assertTrue(spaces.get(0).getAsJsonObject().get("tableBytesEnd").getAsLong() > 4096);
    }
    assertTrue(written.run.out().contains("  in iommufd11.ioas3"), written.run.out());
  }

  @ParameterizedTest
  @CsvSource({"iommufd11.ioas3, 1", "ioas4, 2"})
  void oneSpaceOfSeveralCanBeChosen(String space, int events) throws IOException {
    Written written = replay(bundled("two-ioas.log"), "--space", space);
    assertTrue(written.results.startsWith("line,op,status,bytes\n"), written.results);
    assertEquals(events, written.policy(0).get("events").getAsLong());
    assertEquals(1, written.policy(0).getAsJsonArray("spaces").size());
  }

  @Test
  void aSpaceThatIsNotThereIsRefusedWithTheNamesOfAll() {
    Cleave.Result run = Cleave.run("replay", "--space", "ioas9", bundled("two-ioas.log"));
    assertEquals(2, run.code());
    assertTrue(run.err().contains("iommufd11.ioas3, iommufd11.ioas4"), run.err());
  }

  @Test
  void domainsThatCannotBeToldApartAreNamedInAWarning() throws IOException {
    Written written = replay(bundled("two-domains.ftrace"));
    assertEquals(
        """
        space,line,op,status,bytes
        domain1,1,map,OK,4096
        domain2,2,map,OK,4096
        domain2,3,unmap,OK,4096
        """,
        written.results);
    assertTrue(written.leaves.contains("domain1,0xfffff000,0x100200000,0x1000"), written.leaves);
    assertEquals(1, written.warnings().size());
    assertTrue(written.warnings().getFirst().contains("several domains are mixed"));
    assertEquals(
        List.of("cleave: warning: " + written.warnings().getFirst()), written.run.errLines());
  }

  private static String mapInTwo(String size) {
    String line =
        "iommufd_backend_map_dma  iommufd=1 ioas=%d iova=0x0 size=%s addr=0x0 readonly=0 (0)\n";
    return line.formatted(1, size) + line.formatted(2, size);
  }

  @ParameterizedTest
  @ValueSource(strings = {"follow", "follow-lazy", "all-4k", "remap"})
  void aChangeOfPageStatesReachesEverySpaceThatMapsTheMemory(String policy) throws IOException {
    Path log =
        log(
            mapInTwo("0x400000")
                + "kvm_convert_memory start 0x1000 size 0x1000 private_to_shared\n");
    Written written = replay(log, "--policy", policy);
    assertEquals(0, written.policy(0).get("illegalLeaves").getAsLong());
    assertTrue(written.results.endsWith("all,3,share,OK,4096\n"), written.results);
    for (String space : List.of("iommufd1.ioas1,", "iommufd1.ioas2,")) {
      List<String> first =
          written.leaves.lines().filter(row -> row.startsWith(space + "0x0,")).toList();
      assertEquals(1, first.size());
      String size = first.getFirst().split(",", -1)[3];
      assertTrue(List.of("0x1000", "0x100000").contains(size), first.getFirst());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"follow", "follow-lazy", "all-4k", "remap"})
  void sharedMemoryElsewhereIsThatOfEverySpace(String policy) throws IOException {
    Path log =
        log(
            mapInTwo("0x400000")
                + "kvm_convert_memory start 0x1000 size 0x1000 private_to_shared\n");
    Written written = replay(log, "--policy", policy, "--backing", "separate", "--dma", "500");
    for (String space : List.of("iommufd1.ioas1,", "iommufd1.ioas2,")) {
      assertTrue(written.leaves.contains(space + "0x1000,0x40001000,0x1000,rw"), written.leaves);
    }
    assertEquals(0, written.policy(0).getAsJsonObject("dma").get("wrongData").getAsLong());
  }

  @ParameterizedTest
  @ValueSource(strings = {"follow", "follow-lazy", "all-4k", "remap"})
  void aNestedTableMapsWhatAnySpaceMaps(String policy) throws IOException {
    String unmap = "iommufd_backend_unmap_dma  iommufd=1 ioas=%d iova=0x0 size=0x400000 (0)\n";
    Path log = log(mapInTwo("0x400000") + unmap.formatted(1));
    Path image = temporary.resolve("image");
    replay(log, "--policy", policy, "--tables", "iommu,npt", "--image", image);
    Path leaves = temporary.resolve("all.csv");
    Cleave.Result inspect = Cleave.run("inspect", image, "--leaves", leaves);
    assertEquals(0, inspect.code(), inspect.err());
    assertEquals(List.of("2", "3"), domains(leaves));
    log = log(mapInTwo("0x400000") + unmap.formatted(1) + unmap.formatted(2));
    replay(log, "--policy", policy, "--tables", "iommu,npt", "--image", image);
    assertEquals(0, Cleave.run("inspect", image, "--leaves", leaves).code());
    assertEquals(List.of(), domains(leaves));
  }

  private static List<String> domains(Path leaves) throws IOException {
    return Files.readAllLines(leaves).stream()
        .skip(1)
        .map(row -> row.substring(0, row.indexOf(',')))
        .distinct()
        .toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"follow", "follow-lazy", "all-4k", "remap"})
  void aRegionThatASpaceMapsInPartIsSmallInEverySpace(String policy) throws IOException {
    String map =
        "iommufd_backend_map_dma  iommufd=1 ioas=%d iova=%s size=%s addr=0x0 readonly=0 (0)\n";
    Path log =
        log(
            map.formatted(1, "0x0", "0x400000")
                + map.formatted(2, "0x200000", "0x100000")
                + "share 0 4K\n");
    Written written = replay(log, "--policy", policy, "--dma", "500");
    assertEquals(0, written.policy(0).get("illegalLeaves").getAsLong());
    JsonObject dma = written.policy(0).getAsJsonObject("dma");
    assertEquals(0, dma.get("wrongData").getAsLong());
  }

  @ParameterizedTest
  @ValueSource(strings = {"follow", "follow-lazy", "remap"})
  void aMapIsRefusedWhereAnotherSpaceHasNoTableForTheLeavesAroundIt(String policy)
      throws IOException {
    String map =
        "iommufd_backend_map_dma  iommufd=1 ioas=%d iova=%s size=%s addr=0x0 readonly=0 (0)\n";
    // ioas 1 takes a top and two tables, all there are; a part of its second 2 MiB would take one.
    String full = map.formatted(1, "0x0", "0x400000") + map.formatted(1, "0x800000", "0x1000");
    Path log =
        log(full + map.formatted(2, "0x200000", "0x100000") + map.formatted(2, "0x0", "0x200000"));
    Written written = replay(log, "--policy", policy, "--rmp", "on", "--table-memory", "12K");
    assertTrue(
        written.results.endsWith(
            "iommufd1.ioas2,3,map,OUT_OF_TABLE_MEMORY,0\niommufd1.ioas2,4,map,OK,2097152\n"),
        written.results);
    assertEquals(0, written.policy(0).get("illegalLeaves").getAsLong());
  }

  @Test
  void aFlushIsThatOfTheSpaceWhoseMappingWent() throws IOException {
    String map = " a-1 [000] ..... 1.0: map: IOMMU: dev=%s iova=0x1000 paddr=0x%x size=4096\n";
    String unmap =
        " a-1 [000] ..... 1.0: unmap: IOMMU: dev=second iova=0x1000 size=4096 unmapped_size=4096\n";
    StringBuilder text = new StringBuilder(map.formatted("first", 0x10000000));
    for (int i = 0; i < 8; i++) {
      text.append(map.formatted("second", 0x20000000 + (i << 12))).append(unmap);
    }
    Written written = replay(log(text.toString()), "--dma", "2000");
    JsonObject dma = written.policy(0).getAsJsonObject("dma");
    assertTrue(dma.get("accesses").getAsLong() >= 2000, dma.toString());
    assertEquals(0, dma.get("wrongData").getAsLong(), dma.toString());
  }

  @Test
  void aSpaceThatIsFreedIsEmpty() throws IOException {
    Path log = log(mapInTwo("0x400000") + "iommufd_backend_free_id  iommufd=1 id=1 (0)\n");
    Written written = replay(log);
    assertTrue(written.results.endsWith("iommufd1.ioas1,3,unmap,OK,4194304\n"), written.results);
    assertTrue(written.leaves.lines().skip(1).allMatch(row -> row.startsWith("iommufd1.ioas2,")));
  }

  @Test
  void theHalvesOfType1EmptyASpaceTogether() throws IOException {
    String half =
        "iommufd_backend_unmap_dma  iommufd=1 ioas=1 iova=%s size=0x8000000000000000 (0)\n";
    Written written =
        replay(
            log(
                "iommufd_backend_map_dma  iommufd=1 ioas=1 iova=0x0 size=0x200000 addr=0x0"
                    + " readonly=0 (0)\n"
                    + half.formatted("0x0")
                    + half.formatted("0x8000000000000000")));
    assertTrue(written.results.endsWith("2,unmap,OK,2097152\n3,unmap,OK,0\n"), written.results);
    assertEquals(0, written.policy(0).get("misplaced").getAsLong());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "map-file.log",
        "two-ioas.log",
        "unmap-all.log",
        "region-lines.log",
        "small-map.ops",
        "scratch-page.ftrace",
        "shared-only.log",
        "two-domains.ftrace",
        "named-device.ftrace"
      })
  void devicesUseWhatIsMapped(String name) throws IOException {
    Written written = replay(bundled(name), "--dma", "500");
    for (int i = 0; i < 4; i++) {
      JsonObject dma = written.policy(i).getAsJsonObject("dma");
      assertTrue(dma.get("accesses").getAsLong() >= 500, dma.toString());
      assertEquals(0, dma.get("wrongData").getAsLong());
      boolean hasGaps = i == 3;
      assertTrue(hasGaps || dma.get("translationFaults").getAsLong() == 0, dma.toString());
    }
  }

  @Test
  void devicesRestWhileNothingIsMapped() throws IOException {
    Written written = replay(bundled("attributes.ftrace"), "--dma", "500");
    assertEquals(0, written.policy(0).getAsJsonObject("dma").get("accesses").getAsLong());
  }

  @ParameterizedTest
  @CsvSource({
    "table-first, in-place",
    "rmp-first, in-place",
    "atomic, in-place",
    "table-first, separate",
    "rmp-first, separate"
  })
  void memoryThatIovasShareOrReuseIsTheRightMemory(String order, String backing)
      throws IOException {
    Written written =
        replay(
            log(
                """
                map 0 0x40000000 4M rw
                share 4K 4K
                map 1G 0x40000000 2M rw
                map 2G 0x40000000 4K r
                unmap 0 4M
                map 0 0x80000000 2M rw
                share 8K 4K
                unmap 0 2M
                map 0 0x80000000 1M rw
                map 1M 0x90000000 1M rw
                unshare 0 2M
                unmap 1G 2M
                """),
            "--dma",
            "4000",
            "--order",
            order,
            "--backing",
            backing);
    for (int i = 0; i < 4; i++) {
      JsonObject policy = written.policy(i);
      assertEquals(0, policy.get("failed").getAsLong(), policy.toString());
      assertEquals(0, policy.get("illegalLeaves").getAsLong(), policy.toString());
      JsonObject dma = policy.getAsJsonObject("dma");
      assertTrue(dma.get("accesses").getAsLong() >= 4000, dma.toString());
      assertEquals(0, dma.get("wrongData").getAsLong(), dma.toString());
      boolean hasGaps = i == 3;
      assertTrue(hasGaps || dma.get("translationFaults").getAsLong() == 0, dma.toString());
    }
  }

  @Test
  void memoryThatMayOnlyBeReadIsNotWritten() throws IOException {
    Written written = replay(log("map 0 0x40000000 64K r\n"), "--dma", "300");
    JsonObject dma = written.policy(0).getAsJsonObject("dma");
    assertTrue(dma.get("accesses").getAsLong() >= 300, dma.toString());
    assertEquals(0, dma.get("translationFaults").getAsLong(), dma.toString());
  }

  @Test
  void pageStatesWithoutMapsAreReplayedWithAWarning() throws IOException {
    Written written = replay(log("share 0 4K\n"));
    assertEquals(1, written.run.errLines().size());
    assertTrue(written.run.err().contains("nothing was ever mapped"), written.run.err());
  }

  @Test
  void whatWasNotReadAndWhatWasRefusedIsTold() throws IOException {
    Path report = temporary.resolve("report.html");
    Written written =
        replay(
            log(
                """
                map 0 0 4K rw
                map 0 0 4K rw
                map 1 0 4K rw
                kvm_convert_memory start 0x0 size 0x1000 private_to_shared
                qemu: warning: Convert non guest_memfd backed memory region (0x0 ,+ 0x1000) to shared
                CPU:1 [LOST 17 EVENTS]
                vfio_region_write  (x)
                vfio_region_write  (y)
                unmap 0 4Q
                """),
            "--report",
            report);
    List<String> warnings = written.warnings();
    assertEquals(5, warnings.size(), warnings.toString());
    assertTrue(warnings.get(0).contains("skipped: vfio_region_write (2)"), warnings.get(0));
    assertTrue(warnings.get(1).contains("the first is line 9"), warnings.get(1));
    assertTrue(warnings.get(2).contains("17 at least"), warnings.get(2));
    assertTrue(warnings.get(3).contains("line 5"), warnings.get(3));
    assertTrue(warnings.get(4).endsWith("ALREADY_MAPPED (1), MISALIGNED (1)"), warnings.get(4));
    assertEquals(5, written.run.errLines().size());
    String page = Files.readString(report);
    assertTrue(page.contains("17 at least"));
    assertTrue(page.contains("ALREADY_MAPPED (1), MISALIGNED (1)"));
  }

  @Test
  void nothingIsAdvisedWhereNothingWasMapped() throws IOException {
    Path report = temporary.resolve("report.html");
    replay(log("share 0 4K\n"), "--report", report);
    String page = Files.readString(report);
    assertTrue(page.contains("nothing can be said of them"));
    assertFalse(page.contains("Choose any of"));
  }

  @Test
  void aReplayOfNothingIsAnErrorThatNamesWhatWasFound() throws IOException {
    Path log =
        log(
            """
             a-1 [000] ..... 1.0: sched_switch: x
             a-1 [000] ..... 1.1: sched_switch: x
             a-1 [000] ..... 1.2: kvm_exit: x
            """);
    Cleave.Result run = Cleave.run("replay", log);
    assertEquals(2, run.code());
    assertEquals(1, run.errLines().size());
    assertTrue(run.err().contains("text of tracepoints"), run.err());
    assertTrue(run.err().contains("sched_switch (2), kvm_exit (1)"), run.err());
    assertTrue(run.err().contains("iommu:map"), run.err());
    assertTrue(run.err().contains("kvm_convert_memory"), run.err());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "# only a comment\n", "[    1.0] nothing known here\n"})
  void anEmptyLogIsAnError(String text) throws IOException {
    Cleave.Result run = Cleave.run("replay", log(text));
    assertEquals(2, run.code());
    assertTrue(run.err().contains("nothing to replay"), run.err());
  }

  @Test
  void withoutTheRmpConversionsAreLeftOut() throws IOException {
    Written written = replay(bundled("map-file.log"), "--rmp", "off");
    assertEquals("line,op,status,bytes\n1,map,OK,134217728\n", written.results);
    Cleave.Result none = Cleave.run("replay", "--rmp", "off", log("share 0 4K\n"));
    assertEquals(2, none.code());
    assertTrue(none.err().contains("--rmp off"), none.err());
  }

  @Test
  void severalFilesAreSaidToBeOneLog() throws IOException {
    Path first = Files.writeString(temporary.resolve("a.log"), mapInTwo("0x1000"));
    Cleave.Result run = Cleave.run("replay", first, bundled("small-map.ops"));
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("the same name is the same address space"), run.out());
  }

  @Test
  void theHelpHasTheGrammarOfOpLines() {
    String help = Cleave.run("replay", "--help").out();
    for (String line :
        List.of(
            "map <iova> <paddr> <length> <r|w|rw>",
            "unshare <gpa> <length>",
            "merge <iova> <length> <largest-leaf>",
            "dma <iova> <length> <r|w>")) {
      assertTrue(help.contains(line), help);
    }
  }
}
