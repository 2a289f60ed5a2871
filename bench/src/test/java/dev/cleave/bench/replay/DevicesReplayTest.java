package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Devices of every kind on the tables of guests that really ran. */
@Tag("slow")
class DevicesReplayTest {
  private static final Path TRACES = Path.of("src/main/resources/dev/cleave/bench/traces");
  private static final String EVERY =
      "follow,follow-lazy,all-4k,remap,shared-only-4k,shared-only,shared-only-lazy,static";
  private static final List<String> SHARED_BACKED =
      List.of("shared-only-4k", "shared-only", "shared-only-lazy", "static");

  @TempDir Path temporary;

  private static Path log(String name) {
    return TRACES.resolve(name + ".trace.gz");
  }

  private Path ops(String lines) throws IOException {
    return Files.writeString(temporary.resolve("ops.trace"), lines);
  }

  private Map<String, JsonObject> replay(Object... arguments) throws IOException {
    Path json = temporary.resolve("replay.json");
    List<Object> all = new ArrayList<>(List.of("replay", "--json", json));
    all.addAll(List.of(arguments));
    Cleave.Result run = Cleave.run(all.toArray());
    assertEquals(0, run.code(), run.err());
    Map<String, JsonObject> results = new LinkedHashMap<>();
    JsonObject root = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    for (JsonElement policy : root.getAsJsonArray("policies")) {
      results.put(policy.getAsJsonObject().get("policy").getAsString(), policy.getAsJsonObject());
    }
    return results;
  }

  private static Map<String, JsonObject> kinds(JsonObject policy) {
    Map<String, JsonObject> kinds = new LinkedHashMap<>();
    policy
        .getAsJsonArray("devices")
        .forEach(one ->
            kinds.put(one.getAsJsonObject().get("kind").getAsString(), one.getAsJsonObject()));
    return kinds;
  }

  private static long figure(JsonObject of, String name) {
    return of.get(name).getAsLong();
  }

  /** Which pages of a kind's a policy gives it. */
  private static String pages(String policy, String kind) {
    boolean isOfShared = SHARED_BACKED.contains(policy);
    return switch (kind) {
      case "untrusted" -> "shared";
      case "trusted" -> isOfShared ? "none" : "private";
      case "vtom" -> isOfShared ? "shared" : "both";
      default -> isOfShared ? "none" : "both";
    };
  }

  @ParameterizedTest
  @CsvSource({
    "pagestate-linux-6.12, in-place, 'follow,remap,shared-only,static'",
    "pagestate-linux-6.12-psc, separate, 'follow-lazy,all-4k,shared-only-4k,shared-only-lazy'"
  })
  void eachKindReachesWhatItMayAndNothingElse(String log, String backing, String policies)
      throws IOException {
    Map<String, JsonObject> results = mixed(log, backing, policies);
    assertEquals(4, results.size());
    if (results.containsKey("remap")) {
      assertEquals(0, figure(kinds(results.get("follow")).get("untrusted"), "rmpFaults"));
      assertTrue(figure(kinds(results.get("remap")).get("trusted"), "translationFaults") > 0);
    }
  }

  @ParameterizedTest
  @Tag("full")
  @CsvSource({
    "pagestate-linux-6.12, in-place", "pagestate-linux-6.12-psc, in-place",
    "pagestate-linux-6.12, separate", "pagestate-linux-6.12-psc, separate"
  })
  void eachKindReachesWhatItMayAndNothingElseUnderEveryPolicy(String log, String backing)
      throws IOException {
    assertEquals(8, mixed(log, backing, EVERY).size());
  }

  /** Replays a log under devices of all kinds, and checks what each reached. */
  private Map<String, JsonObject> mixed(String log, String backing, String policies)
      throws IOException {
    Map<String, JsonObject> results =
        replay(
            "--devices",
            "mixed",
            "--dma",
            80_000,
            "--backing",
            backing,
            "--policy",
            policies,
            log(log));
    results.forEach((policy, result) -> {
      assertEquals(
          List.of("untrusted", "trusted", "vtom", "guest-table"),
          List.copyOf(kinds(result).keySet()));
      kinds(result)
          .forEach((kind, met) -> {
            String who = policy + ", " + kind + ": " + met;
            assertEquals(pages(policy, kind), met.get("pages").getAsString(), who);
            assertTrue(
                met.get("pages").getAsString().equals("none")
                    ? figure(met, "accesses") == 0
                    : figure(met, "accesses") >= 20_000,
                who);
            assertEquals(0, figure(met, "lost"), who);
            assertEquals(0, figure(met, "wrongData"), who);
            assertTrue(figure(met, "forbidden") > 1000, who);
            assertEquals(0, figure(met, "leaked"), who);
            boolean hasAllMapped = policy.equals("static") && !kind.equals("trusted");
            assertEquals(hasAllMapped, figure(met, "beside") > 0, who);
            assertEquals(0, figure(met, "illegalLeaves"), who);
            assertEquals(figure(met, "rmpFaults"), inWindows(met, "rmpFaults"), who);
            assertEquals(
                figure(met, "translationFaults"), inWindows(met, "translationFaults"), who);
            assertEquals(figure(met, "windowAccesses"), inWindows(met, "accesses"), who);
          });
    });
    return results;
  }

  private static long inWindows(JsonObject met, String name) {
    long sum = 0;
    for (JsonElement window : met.getAsJsonArray("windows")) {
      sum += figure(window.getAsJsonObject(), name);
    }
    return sum;
  }

  private JsonObject follow(String kind, String order) throws IOException {
    return replay(
            "--devices",
            kind,
            "--dma",
            20_000,
            "--order",
            order,
            "--policy",
            "follow",
            log("pagestate-linux-6.12"))
        .get("follow");
  }

  @Test
  void aTrustedDeviceMeetsAWindowInEachOrderButTheAtomicOne() throws IOException {
    for (String order : List.of("table-first", "rmp-first", "atomic")) {
      JsonObject result = follow("trusted", order);
      JsonObject met = kinds(result).get("trusted");
      assertEquals(0, figure(met, "lost") + figure(met, "wrongData") + figure(met, "leaked"));
      assertEquals(order.equals("atomic"), figure(met, "rmpFaults") == 0, met::toString);
      // the hardware's own engine did it, as often as a region was smashed
      assertEquals(order.equals("atomic"), figure(result, "exchanges") > 1000, result::toString);
    }
  }

  @Test
  void theAtomicOrderEndsWithTheLeavesOfTheOthers() throws IOException {
    List<List<String>> leaves = new ArrayList<>();
    for (String order : List.of("table-first", "atomic")) {
      Path file = temporary.resolve(order + ".csv");
      var _ =
          replay(
              "--devices",
              "trusted",
              "--dma",
              1000,
              "--order",
              order,
              "--policy",
              "follow",
              "--leaves",
              file,
              log("pagestate-linux-6.12-psc"));
      // The raw entry and its place tell of table pages, which are others.
      leaves.add(
          Files.readAllLines(file).stream()
              .map(row -> String.join(",", List.of(row.split(",")).subList(0, 4)))
              .toList());
    }
    assertEquals(leaves.getFirst(), leaves.getLast());
  }

  @Test
  void whatIsMappedTwiceIsChangedWhileAllDmaWaits() throws IOException {
    JsonObject result = follow("vtom", "atomic");
    assertEquals(0, figure(result, "exchanges"));
    assertEquals(0, figure(kinds(result).get("vtom"), "rmpFaults"));
    assertTrue(figure(result.getAsJsonObject("dma"), "stallNs") > 0);
  }

  @ParameterizedTest
  @CsvSource({
    "pagestate-linux-6.12, 'follow,shared-only-4k'",
    "pagestate-linux-6.12-psc, 'all-4k,shared-only'"
  })
  void mappingAllTwiceDoublesTablesAndMergingKeepsThemSmall(String name, String policies)
      throws IOException {
    checkMappedTwice(name, policies);
  }

  @ParameterizedTest
  @Tag("full")
  @ValueSource(strings = {"pagestate-linux-6.12", "pagestate-linux-6.12-psc"})
  void mappingAllTwiceDoublesTheTablesOfEveryPolicy(String name) throws IOException {
    checkMappedTwice(name, "follow,all-4k,shared-only-4k,shared-only");
  }

  private void checkMappedTwice(String name, String policies) throws IOException {
    Map<String, JsonObject> once = replay("--policy", policies, log(name));
    Map<String, JsonObject> twice =
        replay("--devices", "vtom", "--dma", 2000, "--policy", policies, log(name));
    assertEquals(List.of(policies.split(",")), List.copyOf(twice.keySet()));
    LeastTables least = new LeastTables(log(name));
    twice.forEach((policy, result) -> {
      JsonObject before = once.get(policy);
      // One top serves both, and stands a level higher.
      assertEquals(
          2 * figure(before, "tableBytesEnd") + PAGE_BYTES,
          figure(result, "tableBytesEnd"),
          policy);
      assertEquals(
          figure(result, "tableBytesEnd"), figure(kinds(result).get("vtom"), "tableBytesEnd"));
      assertEquals(2 * figure(before, "mappedBytesEnd"), figure(result, "mappedBytesEnd"), policy);
      assertEquals(figure(before, "pinnedBytesPeak"), figure(result, "pinnedBytesPeak"), policy);
      assertEquals(
          figure(before, "sharedBackingBytesPeak"), figure(result, "sharedBackingBytesPeak"));
    });
    List<String> merging = new ArrayList<>(List.of("follow", "shared-only"));
    merging.retainAll(twice.keySet());
    assertFalse(merging.isEmpty());
    for (String policy : merging) {
      long minimum = (1 + 2L * least.pages(policy.equals("shared-only"))) * PAGE_BYTES;
      long end = figure(twice.get(policy), "tableBytesEnd");
      assertTrue(end <= 1.1 * minimum, policy + ": " + end + " of " + minimum);
      assertTrue(end >= minimum, policy + ": " + end + " of " + minimum);
    }
  }

  @Test
  void whatIsMappedTwiceIsUnmappedTwice() throws IOException {
    Path ops =
        ops(
            """
            map 0x0 0x0 0x800000 rw
            share 0x200000 0x5000
            unmap 0x100000 0x300000
            map 0x200000 0x200000 0x200000 rw
            unmap 0x0 0x8000000000000000
            """);
    for (String policy : List.of("follow", "all-4k", "remap", "shared-only-4k", "shared-only")) {
      Path rows = temporary.resolve(policy + ".csv");
      JsonObject result =
          replay("--devices", "vtom", "--dma", 500, "--policy", policy, "--results", rows, ops)
              .get(policy);
      assertEquals(
          List.of(
              "line,op,status,bytes",
              "1,map,OK,8388608",
              "2,share,OK,20480",
              "3,unmap,OK,3145728",
              "4,map,OK,2097152",
              "5,unmap,OK,7340032"),
          Files.readAllLines(rows),
          policy);
      assertEquals(0, figure(result, "mappedBytesEnd"), policy);
      assertEquals(0, figure(kinds(result).get("vtom"), "lost"), policy);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"follow", "all-4k", "remap", "static"})
  void whatHasNoRoomTwiceIsNotMappedOnce(String policy) throws IOException {
    Path rows = temporary.resolve("rows.csv");
    JsonObject result =
        replay(
                "--devices",
                "vtom",
                "--dma",
                100,
                "--table-memory",
                "40K",
                "--policy",
                policy,
                "--results",
                rows,
                ops(
                    """
                    map 0x1000 0x1000 0x1000 rw
                    map 0x40001000 0x40001000 0x1000 rw
                    share 0x1000 0x1000
                    """))
            .get(policy);
    assertEquals(
        List.of("1,map,OK,4096", "2,map,OUT_OF_TABLE_MEMORY,0", "3,share,OK,4096"),
        Files.readAllLines(rows).subList(1, 4));
    assertEquals(2 * PAGE_BYTES, figure(result, "mappedBytesEnd"));
    assertEquals(2, figure(result, "mapCalls"));
  }

  @Test
  void leavesOfBothMappingsAreWritten() throws IOException {
    Path leaves = temporary.resolve("leaves.csv");
    var _ =
        replay(
            "--devices",
            "vtom",
            "--policy",
            "follow",
            "--leaves",
            leaves,
            ops("map 0x0 0x0 0x200000 rw\nshare 0x0 0x200000\n"));
    List<String> rows = Files.readAllLines(leaves);
    assertEquals(3, rows.size());
    assertTrue(rows.get(1).startsWith("0x0,0x0,"), rows.get(1));
    assertTrue(rows.get(2).startsWith("0x10000000000,0x0,"), rows.get(2));
  }

  @Test
  void severalSpacesAndANestedTableGoTogetherWithDevicesOfEachKind() throws IOException {
    Path log =
        Files.writeString(
            temporary.resolve("two.log"),
            """
            iommufd_backend_map_dma  iommufd=15 ioas=2 iova=0x0 size=0x4000000 addr=0x7f2c00000000 readonly=0 (0)
            iommufd_backend_map_dma  iommufd=15 ioas=3 iova=0x0 size=0x4000000 addr=0x7f2c00000000 readonly=0 (0)
            kvm_convert_memory start 0x200000 size 0x3000 private_to_shared
            kvm_convert_memory start 0x400000 size 0x400000 private_to_shared
            kvm_convert_memory start 0x201000 size 0x1000 shared_to_private
            """);
    Map<String, JsonObject> results =
        replay(
            "--devices",
            "mixed",
            "--dma",
            8000,
            "--tables",
            "iommu,npt",
            "--policy",
            "follow,all-4k,remap",
            log);
    results.forEach((policy, result) ->
        kinds(result)
            .forEach((kind, met) -> {
              assertTrue(figure(met, "accesses") >= 2000, policy + kind + met);
              assertEquals(0, figure(met, "lost") + figure(met, "wrongData"), policy + kind + met);
              assertEquals(0, figure(met, "leaked") + figure(met, "beside"), policy + kind + met);
            }));
  }

  @Test
  void devicesRestWhileTheTableOfTheGuestsIsOutOfReach() throws IOException {
    Path ops =
        ops(
            """
            map 0x0 0x0 0x1000000 rw
            share 0x200000 0x4000
            unmap 0x0 0x1000000
            map 0x0 0x0 0x1000000 rw
            """);
    JsonObject met =
        kinds(
                replay("--devices", "guest-table", "--dma", 2000, "--policy", "follow", ops)
                    .get("follow"))
            .get("guest-table");
    assertTrue(figure(met, "accesses") >= 2000);
    assertEquals(0, figure(met, "lost") + figure(met, "wrongData"));
  }

  private static Cleave.Result refused(Object... arguments) {
    List<Object> all = new ArrayList<>(List.of("replay"));
    all.addAll(List.of(arguments));
    Cleave.Result run = Cleave.run(all.toArray());
    assertEquals(2, run.code());
    assertEquals(1, run.err().strip().lines().count(), run.err());
    return run;
  }

  @Test
  void whatCannotBeIsRefusedWithItsReason() throws IOException {
    Path log = log("pagestate-linux-6.12");
    assertTrue(
        refused("--devices", "evil", log)
            .err()
            .contains("'evil' is not a kind of devices, expected untrusted, trusted, vtom"));
    for (String kind : List.of("trusted", "vtom", "guest-table", "mixed")) {
      assertTrue(
          refused("--devices", kind, "--rmp", "off", log).err().contains("needs page states"));
    }
    Path high = ops("map 0xffffffffff000 0x0 0x1000 rw\nshare 0x0 0x1000\n");
    assertTrue(
        refused("--devices", "vtom", "--guest-memory", "1M", high)
            .err()
            .contains("line 1 maps 0xffffffffff000"));
  }

  @Test
  void withoutRoomForATableOfTheGuestsMixedGoesWithoutAndSaysSo() throws IOException {
    Path ops = ops("map 0x0 0x0 0x200000 rw\nshare 0x0 0x200000\nunshare 0x0 0x100000\n");
    assertTrue(
        refused("--devices", "guest-table", "--dma", 100, ops)
            .err()
            .contains("there is not enough"));
    Path json = temporary.resolve("replay.json");
    Cleave.Result run =
        Cleave.run("replay", "--devices", "mixed", "--dma", 1000, "--json", json, ops);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.err().contains("goes without guest-table"), run.err());
    JsonObject root = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertTrue(root.getAsJsonArray("warnings").toString().contains("goes without guest-table"));
    assertEquals(
        List.of("untrusted", "trusted", "vtom"),
        List.copyOf(kinds(root.getAsJsonArray("policies").get(0).getAsJsonObject()).keySet()));
  }

  @Test
  void aRowOfCsvHasTheFiguresOfEachKind() throws IOException {
    Path csv = temporary.resolve("policies.csv");
    Map<String, JsonObject> results =
        replay(
            "--devices",
            "mixed",
            "--dma",
            1000,
            "--policy",
            "follow",
            "--csv",
            csv,
            ops("map 0x0 0x0 0x1000000 rw\nshare 0x200000 0x4000\n"));
    List<String> heading = List.of(Files.readAllLines(csv).get(0).split(","));
    List<String> row = List.of(Files.readAllLines(csv).get(1).split(","));
    assertEquals(heading.size(), row.size());
    kinds(results.get("follow"))
        .forEach((kind, met) -> {
          for (String name : List.of("accesses", "rmpFaults", "leaked", "tableBytesEnd")) {
            int at = heading.indexOf(kind + "." + name);
            assertEquals(met.get(name).getAsString(), row.get(at), kind + "." + name);
          }
        });
  }
}
