package dev.cleave.bench.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave;
import dev.cleave.bench.io.Inputs;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Logs of real kernels through the command, against what is known of their ends. */
class ReplayedLogsTest {
  private static final Path TRACES = Path.of("src/main/resources/dev/cleave/bench/traces");
  private static final Path OPS = Path.of("src/test/resources/golden/ops");

  @TempDir Path temporary;

  @Test
  void everyOperationOfTheGoldenLogEndsAsInLinux() throws IOException {
    Path results = temporary.resolve("results.csv");
    Path leaves = temporary.resolve("leaves.csv");
    Cleave.Result run =
        Cleave.run(
            "replay",
            "--rmp",
            "off",
            "--page-sizes",
            "all",
            "--results",
            results,
            "--leaves",
            leaves,
            OPS.resolve("ops.trace.gz"));
    assertEquals(0, run.code(), run.err());
    assertEquals(text(OPS.resolve("expected-results.csv.gz")), text(results));
    assertEquals(text(OPS.resolve("expected-leaves.csv.gz")), text(leaves));
  }

  @Test
  void theTableThatReplayWritesIsOneThatInspectReads() throws IOException {
    Path image = temporary.resolve("image");
    Path written = temporary.resolve("written.csv");
    Path read = temporary.resolve("read.csv");
    assertEquals(
        0,
        Cleave.run("replay", "--image", image, "--leaves", written, OPS.resolve("ops.trace.gz"))
            .code());
    Cleave.Result audit = Cleave.run("inspect", image, "--audit", "--leaves", read);
    assertEquals(0, audit.code(), audit.out());
    assertTrue(audit.out().contains("0 errors"), audit.out());
    assertEquals(text(written), text(read));
  }

  @ParameterizedTest
  @ValueSource(strings = {"iommu-linux-6.12-vfio", "iommu-linux-7.3-nvme"})
  void aLogOfTheKernelEndsWithTheKernelsLeaves(String trace) throws IOException {
    Path leaves = temporary.resolve("leaves.csv");
    Cleave.Result run =
        Cleave.run(
            "replay",
            "--policy",
            "follow",
            "--leaves",
            leaves,
            TRACES.resolve(trace + ".trace.gz"));
    assertEquals(0, run.code(), run.err());
    assertEquals(text(TRACES.resolve(trace + ".leaves.csv.gz")), text(leaves));
  }

  @ParameterizedTest
  @ValueSource(strings = {"in-place", "separate"})
  void whatNoTableCanDoIsRefusedByEveryPolicyAndChangesNothing(String backing) throws IOException {
    Path log = temporary.resolve("odd.trace");
    Files.writeString(
        log,
        """
        map 0 0x40000000 64M rw
        share 0 64M
        unmap 0x1000 0
        unmap 0x1000 0x64
        unmap 0xfffffffffffff000 0x2000
        map 0x5000000 0xfffffffffffff000 0x2000 rw
        map 0xfffffffffffff000 0 0x2000 rw
        map 0x5000000 0x40000001 0x1000 rw
        map 0x5000000 0x50000000 0 rw
        map 0x3fff000 0x50000000 0x2000 rw
        translate 0x1005
        unmap 0 128M
        map 0 0x40000000 64M rw
        """);
    Path rows = temporary.resolve("rows.csv");
    for (Policy policy : Policy.values()) {
      Cleave.Result run =
          Cleave.run(
              "replay", "--policy", policy.word(), "--backing", backing, "--results", rows, log);
      assertEquals(0, run.code(), run.err());
      String place =
          policy.isSharedBacked() || backing.equals("separate") ? "0x80001005" : "0x40001005";
      assertEquals(
          List.of(
              "1,map,OK,67108864",
              "2,share,OK,67108864",
              "3,unmap,MISALIGNED,0",
              "4,unmap,MISALIGNED,0",
              "5,unmap,OUT_OF_RANGE,0",
              "6,map,OUT_OF_RANGE,0",
              "7,map,OUT_OF_RANGE,0",
              "8,map,MISALIGNED,0",
              "9,map,MISALIGNED,0",
              "10,map,ALREADY_MAPPED,0",
              "11,translate,OK," + place,
              "12,unmap,OK,67108864",
              "13,map,OK,67108864"),
          Files.readAllLines(rows).stream().skip(1).toList(),
          policy.word());
    }
  }

  @Test
  void theTwentyThreeMisplacedEventsOfTheSkewedLogAreReported() throws IOException {
    JsonObject follow = policy(TRACES.resolve("iommu-linux-6.1-ahci-skewed.trace.gz"), "follow");
    assertEquals(15_689, follow.get("events").getAsLong());
    assertEquals(23, follow.get("misplaced").getAsLong());
  }

  @ParameterizedTest
  @ValueSource(strings = {"pagestate-linux-6.12", "pagestate-linux-6.12-psc"})
  void whoFollowsTheRmpStaysLegalAndHitlessAndSmall(String trace) throws IOException {
    Path log = TRACES.resolve(trace + ".trace.gz");
    JsonObject follow = policy(log, "follow");
    JsonObject all4k = policy(log, "all-4k");
    JsonObject remap = policy(log, "remap");
    assertEquals(0, follow.get("failed").getAsLong());
    assertEquals(0, follow.get("illegalLeaves").getAsLong());
    assertEquals(0, follow.get("gapBytes").getAsLong());
    assertTrue(
        follow.get("tableBytesPeak").getAsLong() * 20 < all4k.get("tableBytesPeak").getAsLong());
    assertEquals(0, policy(log, "follow-lazy").get("illegalLeaves").getAsLong());
    assertEquals(0, all4k.get("illegalLeaves").getAsLong());
    assertEquals(0, remap.get("illegalLeaves").getAsLong());
    assertTrue(remap.get("gapBytes").getAsLong() > 0);
  }

  @Test
  void aGuestThatTakesEverythingBackHasTheLeavesItHadBeforeItShared() throws IOException {
    String maps =
        text(TRACES.resolve("pagestate-linux-6.12.trace.gz"))
            .lines()
            .filter(line -> line.contains("map_dma"))
            .reduce("", (all, line) -> all + line + "\n");
    String shares = text(TRACES.resolve("pagestate-linux-6.12.trace.gz"));
    Path before = temporary.resolve("before.csv");
    Path after = temporary.resolve("after.csv");
    Path log = Files.writeString(temporary.resolve("maps.trace"), maps);
    assertEquals(
        0,
        Cleave.run("replay", "--rmp", "on", "--policy", "follow", "--leaves", before, log).code());
    log =
        Files.writeString(
            temporary.resolve("all.trace"),
            shares + "unshare 0 0x80000000\nunshare 0x100000000 0x180000000\n");
    assertEquals(0, Cleave.run("replay", "--policy", "follow", "--leaves", after, log).code());
    assertEquals(text(before), text(after));
  }

  @ParameterizedTest
  @ValueSource(strings = {"follow", "follow-lazy", "all-4k", "remap"})
  void everyPolicyTranslatesEveryAddressAlike(String policy) throws IOException {
    StringBuilder log = new StringBuilder("map 0 0x40000000 1G rw\nmap 1G 0x900000000 512M r\n");
    for (int i = 0; i < 200; i++) {
      long gpa = i * 0x1A5000L % (3L << 29) & -4096L;
      log.append(i % 3 == 2 ? "unshare " : "share ").append(gpa).append(" 36K\n");
      for (long at = gpa - 8192; at < gpa + (64 << 10); at += 4096) {
        log.append("translate ").append(Math.max(at, 0) + 5).append('\n');
      }
    }
    Path trace = Files.writeString(temporary.resolve("log.trace"), log.toString());
    Path results = temporary.resolve("results.csv");
    assertEquals(0, Cleave.run("replay", "--policy", policy, "--results", results, trace).code());
    String[] lines = text(results).split("\n", -1);
    String[] asked = log.toString().split("\n", -1);
    int translated = 0;
    for (int i = 0; i < asked.length; i++) {
      if (asked[i].startsWith("translate ")) {
        long iova = Long.parseLong(asked[i].substring(10));
        long paddr = iova < 1L << 30 ? 0x40000000L + iova : 0x900000000L + iova - (1L << 30);
        boolean isMapped = iova < 3L << 29;
        assertEquals(
            "%d,translate,%s,0x%x"
                .formatted(i + 1, isMapped ? "OK" : "NOT_MAPPED", isMapped ? paddr : 0),
            lines[i + 1]);
        translated++;
      }
    }
    assertTrue(translated > 1000);
  }

  private JsonObject policy(Path log, String policy) throws IOException {
    Path json = temporary.resolve("out.json");
    Cleave.Result run = Cleave.run("replay", "--policy", policy, "--json", json, log);
    assertEquals(0, run.code(), run.err());
    return JsonParser.parseString(Files.readString(json))
        .getAsJsonObject()
        .getAsJsonArray("policies")
        .get(0)
        .getAsJsonObject();
  }

  private static String text(Path file) throws IOException {
    try (InputStream in = Inputs.open(file.toString())) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
