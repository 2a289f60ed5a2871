package dev.cleave.bench.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpFollower;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Policies whose devices get the memory of shared pages, against a count of the log itself. */
@Tag("slow")
class SharedBackingReplayTest {
  private static final Path TRACES = Path.of("src/main/resources/dev/cleave/bench/traces");
  private static final String NAMED = "shared-only-4k,shared-only,shared-only-lazy,static,follow";

  @TempDir Path temporary;

  /** What a VMM that maps page by page does for a log, told page by page. */
  private static final class PageByPage {
    private final BitSet mapped = new BitSet();
    private final BitSet shared = new BitSet();
    private final BitSet tables = new BitSet();
    private final BitSet upper = new BitSet();
    private long leastTables = 1;
    private long mostLeastTables = 1;
    private long maps;
    private long unmaps;
    private long flushes;
    private int peak;

    PageByPage(Trace trace) {
      for (TraceEvent event : trace.events()) {
        switch (event) {
          case TraceEvent.Map map -> mapped.set(page(map.iova()), page(map.iova() + map.length()));
          case TraceEvent.Share(long _, long gpa, long length) -> {
            for (int page = page(gpa); page < page(gpa + length); page++) {
              if (!shared.get(page) && mapped.get(page)) {
                maps++;
                tables.set(page >>> 9);
                upper.set(page >>> 18);
              }
              shared.set(page);
            }
          }
          case TraceEvent.Unshare(long _, long gpa, long length) -> {
            int were = shared.get(page(gpa), page(gpa + length)).cardinality();
            int taken = given().get(page(gpa), page(gpa + length)).cardinality();
            flushes += taken;
            unmaps += were == page(length) ? Math.min(taken, 1) : taken;
            shared.clear(page(gpa), page(gpa + length));
          }
          default -> throw new AssertionError(event);
        }
        peak = Math.max(peak, shared.cardinality());
        leastTables = leastTables();
        mostLeastTables = Math.max(mostLeastTables, leastTables);
      }
    }

    /**
     * Tables that no tree of three levels can do without: the top, one for each GiB in which
     * something is given, and one for each 2 MiB of which a part is. It knows nothing of merges.
     */
    private long leastTables() {
      BitSet given = given();
      long count = 1;
      for (int at = given.nextSetBit(0); at >= 0; at = given.nextSetBit((at | 0x3FFFF) + 1)) {
        count++;
      }
      for (int at = given.nextSetBit(0); at >= 0; at = given.nextSetBit((at | 511) + 1)) {
        count += given.nextClearBit(at & -512) <= (at | 511) ? 1 : 0;
      }
      return count;
    }

    private static int page(long bytes) {
      return (int) (bytes >>> 12);
    }

    BitSet given() {
      BitSet given = (BitSet) shared.clone();
      given.and(mapped);
      return given;
    }
  }

  private static Path log(String name) {
    return TRACES.resolve(name + ".trace.gz");
  }

  private static Trace trace(Path log) throws IOException {
    return Trace.read(List.of(log.toString()), false, _ -> {});
  }

  private Map<String, JsonObject> replay(Path log, String policies, Object... more)
      throws IOException {
    Path json = temporary.resolve("replay.json");
    Object[] arguments = new Object[more.length + 6];
    System.arraycopy(more, 0, arguments, 6, more.length);
    arguments[0] = "replay";
    arguments[1] = "--json";
    arguments[2] = json;
    arguments[3] = "--policy";
    arguments[4] = policies;
    arguments[5] = log;
    Cleave.Result run = Cleave.run(arguments);
    assertEquals(0, run.code(), run.err());
    Map<String, JsonObject> results = new HashMap<>();
    JsonObject root = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    for (JsonElement policy : root.getAsJsonArray("policies")) {
      results.put(policy.getAsJsonObject().get("policy").getAsString(), policy.getAsJsonObject());
    }
    return results;
  }

  private static long figure(JsonObject policy, String name) {
    return policy.get(name).getAsLong();
  }

  @ParameterizedTest
  @ValueSource(strings = {"pagestate-linux-6.12", "pagestate-linux-6.12-psc"})
  void sharedOnlyHasNoTableThatATreeCouldDoWithout(String name) throws IOException {
    PageByPage told = new PageByPage(trace(log(name)));
    Map<String, JsonObject> results = replay(log(name), "shared-only-4k,shared-only");
    JsonObject sharedOnly = results.get("shared-only");
    assertEquals(4096 * told.mostLeastTables, figure(sharedOnly, "tableBytesPeak"));
    assertEquals(4096 * told.leastTables, figure(sharedOnly, "tableBytesEnd"));
    // What is kept for ever is 317 pages: no tree is below a tenth of that, with 31 regions mixed.
    assertEquals(4096 * 317, figure(results.get("shared-only-4k"), "tableBytesEnd"));
    assertEquals(36, told.leastTables);
    assertEquals(45, told.mostLeastTables);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pagestate-linux-6.12", "pagestate-linux-6.12-psc"})
  void deferredFlushesOfSharedOnlyAreATwentiethOfThoseOfPageByPage(String name) throws IOException {
    JsonObject pageByPage = replay(log(name), "shared-only-4k").get("shared-only-4k");
    JsonObject deferred =
        replay(log(name), "shared-only", "--flush", "deferred").get("shared-only");
    assertTrue(
        figure(deferred, "flushes") * 20 <= figure(pageByPage, "flushes"), deferred.toString());
    assertTrue(
        figure(deferred, "pinnedBytesPeak") * 100 <= figure(pageByPage, "pinnedBytesPeak") * 101,
        deferred.toString());
  }

  @ParameterizedTest
  @CsvSource({
    "pagestate-linux-6.12, SHARED_ONLY_4K", "pagestate-linux-6.12-psc, SHARED_ONLY_4K",
    "pagestate-linux-6.12, SHARED_ONLY", "pagestate-linux-6.12-psc, SHARED_ONLY",
    "pagestate-linux-6.12, SHARED_ONLY_LAZY", "pagestate-linux-6.12-psc, SHARED_ONLY_LAZY"
  })
  void whatIsMappedAfterEachHundredEventsIsWhatIsShared(String name, Policy policy)
      throws IOException {
    Trace trace = trace(log(name));
    ReplayOptions options =
        new ReplayOptions(
                AmdV1.LINUX.leafSizes(),
                3,
                true,
                trace.guestBytes(),
                0,
                RmpFollower.Order.TABLE_FIRST,
                1L << 30,
                0,
                1)
            .withSpaces(trace.history().spaces())
            .withSharedBase(1L << 40);
    BitSet mapped = new BitSet();
    BitSet shared = new BitSet();
    try (PolicyRun run = new PolicyRun(policy, options, false, null)) {
      int count = 0;
      for (TraceEvent event : trace.events()) {
        run.prepare(event);
        assertTrue(run.apply(event).isOk(), event::toString);
        switch (event) {
          case TraceEvent.Map map ->
              mapped.set(PageByPage.page(map.iova()), PageByPage.page(map.iova() + map.length()));
          case TraceEvent.Share(long _, long gpa, long length) ->
              shared.set(PageByPage.page(gpa), PageByPage.page(gpa + length));
          case TraceEvent.Unshare(long _, long gpa, long length) ->
              shared.clear(PageByPage.page(gpa), PageByPage.page(gpa + length));
          default -> {}
        }
        if (++count % 100 == 0 || count == trace.events().size()) {
          BitSet expected = (BitSet) shared.clone();
          expected.and(mapped);
          assertEquals(expected, leaves(run, policy), "after " + event);
        }
      }
    }
  }

  /** The pages that are mapped, each to its own place in the shared memory. */
  private static BitSet leaves(PolicyRun run, Policy policy) {
    BitSet pages = new BitSet();
    LeafCursor cursor = run.table().leaves().over(0, -1L);
    while (cursor.advance()) {
      assertEquals((1L << 40) + cursor.iova(), cursor.paddr());
      assertTrue(policy != Policy.SHARED_ONLY_4K || cursor.sizeLog2() == 12);
      pages.set(
          PageByPage.page(cursor.iova()),
          PageByPage.page(cursor.iova() + (1L << cursor.sizeLog2())));
    }
    return pages;
  }

  @ParameterizedTest
  @ValueSource(strings = {"pagestate-linux-6.12", "pagestate-linux-6.12-psc"})
  void callsFlushesAndBytesAreThoseOfTheLog(String name) throws IOException {
    PageByPage model = new PageByPage(trace(log(name)));
    Map<String, JsonObject> results = replay(log(name), NAMED);
    JsonObject small = results.get("shared-only-4k");
    assertEquals(model.maps, figure(small, "mapCalls"));
    assertEquals(model.unmaps, figure(small, "unmapCalls"));
    assertEquals(model.flushes, figure(small, "flushes"));
    assertEquals(model.flushes * 4096, figure(small, "flushedBytes"));
    long tables = 1L + model.upper.cardinality() + model.tables.cardinality();
    assertEquals(tables * 4096, figure(small, "tableBytesEnd"));
    assertEquals(tables * 4096, figure(small, "tableBytesPeak"));
    for (String policy : List.of("shared-only-4k", "shared-only", "shared-only-lazy")) {
      JsonObject result = results.get(policy);
      long given = model.given().cardinality() * 4096L;
      assertEquals(given, figure(result, "mappedBytesEnd"), policy);
      assertEquals(given, figure(result, "pinnedBytesEnd"), policy);
      long shared = model.shared.cardinality() * 4096L;
      assertEquals(shared, figure(result, "sharedBackingBytesEnd"), policy);
      assertEquals(model.peak * 4096L, figure(result, "sharedBackingBytesPeak"), policy);
      assertEquals(0, figure(result, "gapBytes"), policy);
      assertEquals(0, figure(result, "illegalLeaves"), policy);
    }
    long all = model.mapped.cardinality() * 4096L;
    JsonObject fixed = results.get("static");
    assertEquals(all, figure(fixed, "pinnedBytesPeak"));
    assertEquals(all, figure(fixed, "sharedBackingBytesEnd"));
    assertEquals(0, figure(fixed, "flushes"));
    assertEquals(all, figure(results.get("follow"), "pinnedBytesEnd"));
    assertEquals(0, figure(results.get("follow"), "sharedBackingBytesEnd"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"pagestate-linux-6.12", "pagestate-linux-6.12-psc"})
  void oneUnmapCallNeedsFewerCommandsThanItsPages(String name) throws IOException {
    Map<String, JsonObject> results = replay(log(name), NAMED);
    JsonObject small = results.get("shared-only-4k");
    JsonObject large = results.get("shared-only");
    assertTrue(figure(large, "flushes") * 4 < figure(small, "flushes"), results::toString);
    assertTrue(
        figure(large, "tableBytesEnd") * 8 < figure(small, "tableBytesEnd"), results::toString);
  }

  @ParameterizedTest
  @ValueSource(strings = {"pagestate-linux-6.12", "pagestate-linux-6.12-psc"})
  void devicesOfSharedPagesMeetNoFaultAndTheRightData(String name) throws IOException {
    Map<String, JsonObject> results =
        replay(log(name), "shared-only-4k,shared-only,shared-only-lazy,static", "--dma", 50_000);
    results.forEach((policy, result) -> {
      JsonObject dma = result.getAsJsonObject("dma");
      assertTrue(figure(dma, "accesses") >= 50_000, policy);
      assertEquals(0, figure(dma, "translationFaults"), policy);
      assertEquals(0, figure(dma, "rmpFaults"), policy);
      assertEquals(0, figure(dma, "wrongData"), policy);
    });
  }

  @Test
  void mapsAndUnmapsBesidePageStatesEndAsTheLogSays() throws IOException {
    Path ops = temporary.resolve("ops.trace");
    Files.writeString(
        ops,
        """
        share 0x200000 0x3000
        map 0x0 0x0 0x400000 rw
        map 0x1000 0x1000 0x1000 rw
        translate 0x1000
        translate 0x201000
        share 0x0 0x400000
        unshare 0x3ff000 0x1000
        unmap 0x100000 0x200000
        translate 0x2ff000
        translate 0x300000
        unmap 0x100000 0x200000
        unmap 0x0 0x400000
        """);
    for (String policy : List.of("shared-only-4k", "shared-only", "shared-only-lazy")) {
      Path rows = temporary.resolve(policy + ".csv");
      JsonObject result = replay(ops, policy, "--results", rows).get(policy);
      assertEquals(
          List.of(
              "line,op,status,bytes",
              "1,share,OK,12288",
              "2,map,OK,4194304",
              "3,map,ALREADY_MAPPED,0",
              "4,translate,NOT_MAPPED,0x0",
              "5,translate,OK,0x40201000",
              "6,share,OK,4194304",
              "7,unshare,OK,4096",
              "8,unmap,OK,2097152",
              "9,translate,NOT_MAPPED,0x0",
              "10,translate,OK,0x40300000",
              "11,unmap,NOT_MAPPED,0",
              "12,unmap,OK,2097152"),
          Files.readAllLines(rows),
          policy);
      assertEquals(0, figure(result, "mappedBytesEnd"), policy);
    }
  }

  @Test
  void aBlockThatIsWhollySharedAgainIsOneLeaf() throws IOException {
    Path ops = temporary.resolve("ops.trace");
    Files.writeString(
        ops,
        """
        map 0x0 0x0 0x400000 rw
        share 0x0 0x400000
        unshare 0x1000 0x1000
        share 0x1000 0x1000
        """);
    Path leaves = temporary.resolve("leaves.csv");
    JsonObject result = replay(ops, "shared-only", "--leaves", leaves).get("shared-only");
    assertEquals(2, Files.readAllLines(leaves).size());
    assertTrue(figure(result, "splits") > 0);
    assertTrue(figure(result, "merges") > 0);
    assertEquals(0, figure(result, "gapBytes"));
  }

  @Test
  void aPolicyOfSharedPagesIsRefusedWhereThereAreNone() {
    Cleave.Result off =
        Cleave.run("replay", "--rmp", "off", "--policy", "static", log("pagestate-linux-6.12"));
    assertEquals(2, off.code());
    assertTrue(off.err().contains("static maps the memory of shared pages"), off.err());
    Cleave.Result nested =
        Cleave.run(
            "replay",
            "--tables",
            "iommu,npt",
            "--policy",
            "shared-only",
            log("pagestate-linux-6.12"));
    assertEquals(2, nested.code());
    assertTrue(nested.err().contains("expected --tables iommu"), nested.err());
  }
}
