package dev.cleave.bench.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.rmp.RmpFollower;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** A nested table and an IOMMU table in one replay, with either backing of shared pages. */
@Tag("slow")
class SeveralTablesReplayedTest {
  private static final Path TRACE =
      Path.of("src/main/resources/dev/cleave/bench/traces/pagestate-linux-6.12.trace.gz");
  private static final long MIB = 1 << 20;

  @TempDir Path temporary;

  @ParameterizedTest
  @CsvSource({
    "follow, 0", "follow-lazy, 0", "all-4k, 0", "remap, 0",
    "follow, 2000", "follow-lazy, 2000", "all-4k, 2000", "remap, 2000",
    "shared-only-4k, 0", "shared-only, 0", "shared-only-lazy, 0", "static, 0",
    "shared-only-4k, 2000", "shared-only, 2000", "shared-only-lazy, 2000", "static, 2000"
  })
  void everyPolicyTranslatesSharedPagesToOtherMemory(String policy, int dmaAccesses)
      throws IOException {
    boolean isOfSharedAlone = policy.startsWith("shared-only");
    boolean isStatic = policy.equals("static");
    StringBuilder log = new StringBuilder("map 0 0x40000000 64M rw\nmap 64M 0x80000000 33M r\n");
    List<String> expected = new ArrayList<>();
    BitSet shared = new BitSet();
    int line = 2;
    for (int i = 0; i < 200; i++) {
      int page = i * 421 % (97 * 256 - 9);
      log.append(i % 3 == 2 ? "unshare " : "share ").append(page * 4096L).append(" 36K\n");
      shared.set(page, page + 9, i % 3 != 2);
      line++;
      for (int at = Math.max(0, page - 2); at < page + 12; at++) {
        long iova = at * 4096L + 5;
        log.append("translate ").append(iova).append('\n');
        // what is mapped ends below 4G, so that shared memory begins there
        long own = iova < 64 * MIB ? 0x40000000L : 0x80000000L - 64 * MIB;
        boolean isMapped = iova < 97 * MIB && (shared.get(at) || !isOfSharedAlone);
        long paddr = iova + (shared.get(at) || isStatic ? 1L << 32 : own);
        expected.add(
            "%d,translate,%s,0x%x"
                .formatted(++line, isMapped ? "OK" : "NOT_MAPPED", isMapped ? paddr : 0));
      }
    }
    Path trace = Files.writeString(temporary.resolve("log.trace"), log.toString());
    Path results = temporary.resolve("results.csv");
    Path json = temporary.resolve("out.json");
    Cleave.Result run =
        Cleave.run(
            "replay",
            "--tables",
            isOfSharedAlone || isStatic ? "iommu" : "iommu,npt",
            "--backing",
            "separate",
            "--policy",
            policy,
            "--dma",
            dmaAccesses,
            "--results",
            results,
            "--json",
            json,
            trace);
    assertEquals(0, run.code(), run.err());
    assertEquals(
        expected,
        Files.readAllLines(results).stream().filter(row -> row.contains("translate")).toList());
    JsonObject result = policy(json, 0);
    for (var table : result.getAsJsonArray("tables")) {
      assertEquals(0, table.getAsJsonObject().get("illegalLeaves").getAsLong(), table.toString());
    }
    if (dmaAccesses > 0) {
      assertEquals(0, result.getAsJsonObject("dma").get("wrongData").getAsLong());
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Policy.class,
      names = {"FOLLOW", "FOLLOW_LAZY", "ALL_4K", "REMAP"})
  void bothTablesMapTheSameOrAnEventIsRefused(Policy policy) {
    for (long sharedBase : new long[] {0, 1L << 40}) {
      Random random = new Random(7);
      ReplayOptions options =
          new ReplayOptions(
                  -1L << 12 & -1L >>> 1,
                  3,
                  true,
                  64 * MIB,
                  0,
                  RmpFollower.Order.TABLE_FIRST,
                  // so little that many events are refused
                  14 * 4096,
                  0,
                  1)
              .withNestedTable(true)
              .withSharedBase(sharedBase);
      int refused = 0;
      try (PolicyRun run = new PolicyRun(policy, options, false, null)) {
        for (int i = 0; i < 1500; i++) {
          long length = 4096L << random.nextInt(13);
          long gpa = (long) (random.nextDouble() * 64 * MIB) / length * length;
          TraceEvent event =
              switch (random.nextInt(4)) {
                case 0 -> new TraceEvent.Map(i, gpa, OptionalLong.of(gpa + (1L << 36)), length, 3);
                case 1 -> new TraceEvent.Unmap(i, gpa, length, false);
                case 2 -> new TraceEvent.Share(i, gpa, length);
                default -> new TraceEvent.Unshare(i, gpa, length);
              };
          run.prepare(event);
          refused += run.apply(event).status().equals("OUT_OF_TABLE_MEMORY") ? 1 : 0;
          assertEquals(pages(run.table()), pages(run.nestedTable()), event.toString());
        }
      }
      assertTrue(refused > 20, "refused " + refused);
    }
  }

  /** What is mapped, in ranges that are as long as they can be. */
  private static List<String> pages(PageTable table) {
    List<String> ranges = new ArrayList<>();
    long first = 0;
    long end = 0;
    long distance = 0;
    LeafCursor leaf = table.leaves();
    while (leaf.advance()) {
      if (leaf.iova() != end || leaf.paddr() - leaf.iova() != distance) {
        ranges.add("0x%x-0x%x +0x%x".formatted(first, end, distance));
        first = leaf.iova();
        distance = leaf.paddr() - leaf.iova();
      }
      end = leaf.iova() + (1L << leaf.sizeLog2());
    }
    ranges.add("0x%x-0x%x +0x%x".formatted(first, end, distance));
    return ranges;
  }

  @Test
  void theFiguresOfTheIommuTableAreThoseThatItHasAlone() throws IOException {
    JsonObject alone = replay("--tables", "iommu");
    JsonObject both = replay("--tables", "iommu,npt");
    assertEquals(1, alone.getAsJsonArray("tables").size());
    assertEquals(2, both.getAsJsonArray("tables").size());
    assertEquals(alone.getAsJsonArray("tables").get(0), both.getAsJsonArray("tables").get(0));
    JsonObject nested = both.getAsJsonArray("tables").get(1).getAsJsonObject();
    assertEquals("npt", nested.get("table").getAsString());
    assertEquals(0, nested.get("illegalLeaves").getAsLong());
    assertTrue(nested.get("splits").getAsLong() > 0);
    for (String figure : List.of("splits", "merges", "stores", "flushes", "tableBytesPeak")) {
      JsonObject iommu = both.getAsJsonArray("tables").get(0).getAsJsonObject();
      assertEquals(both.get(figure), iommu.get(figure), figure);
    }
  }

  private JsonObject replay(Object... options) throws IOException {
    Path json = temporary.resolve("out.json");
    List<Object> arguments = new ArrayList<>(List.of("replay", "--policy", "follow"));
    arguments.addAll(List.of(options));
    arguments.addAll(List.of("--json", json, TRACE));
    Cleave.Result run = Cleave.run(arguments.toArray());
    assertEquals(0, run.code(), run.err());
    return policy(json, 0);
  }

  private static JsonObject policy(Path json, int index) throws IOException {
    return JsonParser.parseString(Files.readString(json))
        .getAsJsonObject()
        .getAsJsonArray("policies")
        .get(index)
        .getAsJsonObject();
  }

  @Test
  void anImageHoldsBothTablesForInspectAndAReportShowsEach() throws IOException {
    Path image = temporary.resolve("image");
    Path leaves = temporary.resolve("leaves.csv");
    Path read = temporary.resolve("read.csv");
    Path report = temporary.resolve("report.html");
    Cleave.Result run =
        Cleave.run(
            "replay",
            "--policy",
            "follow",
            "--tables",
            "iommu,npt",
            "--backing",
            "separate",
            "--image",
            image,
            "--leaves",
            leaves,
            "--report",
            report,
            TRACE);
    assertEquals(0, run.code(), run.err());
    assertTrue(run.out().contains("and its npt"), run.out());
    assertTrue(Files.readString(report).contains("follow, npt"));
    Cleave.Result audit = Cleave.run("inspect", image, "--audit", "--leaves", read);
    assertEquals(0, audit.code(), audit.out());
    assertTrue(audit.out().contains("domain 2"), audit.out());
    List<String> own =
        Files.readAllLines(read).stream()
            .filter(row -> row.startsWith("1,"))
            .map(row -> row.split(",", 3)[2])
            .toList();
    assertEquals(Files.readAllLines(leaves).stream().skip(1).toList(), own);
    long mapped =
        Files.readAllLines(read).stream()
            .filter(row -> row.startsWith("2,"))
            .mapToLong(row -> Long.decode(row.split(",", -1)[4]))
            .sum();
    assertEquals(0x80000000L + 0x180000000L, mapped);
  }
}
