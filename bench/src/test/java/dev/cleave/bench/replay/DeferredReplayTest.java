package dev.cleave.bench.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.rmp.RmpFollower;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Replays whose flushes wait for one another: what they save, and what they never change. */
@Tag("slow")
class DeferredReplayTest {
  private static final Path TRACES = Path.of("src/main/resources/dev/cleave/bench/traces");
  private static final long MIB = 1 << 20;
  private static final long ANY_SIZE = -1L << 12 & -1L >>> 1;

  @TempDir Path temporary;

  private JsonArray replay(Object... arguments) throws IOException {
    Path json = temporary.resolve("replay.json");
    List<Object> all = new ArrayList<>(List.of("replay", "--json", json));
    all.addAll(List.of(arguments));
    Cleave.Result run = Cleave.run(all.toArray());
    assertEquals(0, run.code(), run.err());
    return JsonParser.parseString(Files.readString(json))
        .getAsJsonObject()
        .getAsJsonArray("policies");
  }

  private static long figure(JsonElement policy, String name) {
    return policy.getAsJsonObject().get(name).getAsLong();
  }

  private static long dma(JsonElement policy, String name) {
    return figure(policy.getAsJsonObject().get("dma"), name);
  }

  /**
   * Maps, unmaps, merges and page states at random: what is unmapped comes back to lie elsewhere,
   * often at once.
   */
  private Path randomLog() throws IOException {
    Random random = new Random(13);
    StringBuilder log = new StringBuilder("map 0 0x40000000 64M rw\n");
    for (int i = 0; i < 600; i++) {
      long length = 4096L << random.nextInt(8);
      long gpa = (long) (random.nextDouble() * 64 * MIB) / length * length;
      switch (random.nextInt(5)) {
        case 0 -> log.append("share ").append(gpa).append(' ').append(length);
        case 1 -> log.append("unshare ").append(gpa).append(' ').append(length);
        case 2 -> log.append("merge ").append(gpa & -2 * MIB).append(" 2M 2M");
        default -> {
          log.append("unmap ").append(gpa).append(' ').append(length).append('\n');
          if (random.nextInt(3) > 0) {
            long paddr = (2L << 30) + i * MIB;
            log.append("map %d %d %d rw".formatted(gpa, paddr, length));
          } else {
            log.append("map %d %d %d rw".formatted(96 * MIB + i * MIB, 4L << 30, length));
          }
        }
      }
      log.append('\n');
    }
    return Files.writeString(temporary.resolve("random.log"), log.toString());
  }

  @ParameterizedTest
  @EnumSource(Policy.class)
  void everyEventAndEveryLeafIsThatOfImmediateFlushes(Policy policy) throws IOException {
    Path log = randomLog();
    List<String> ends = new ArrayList<>();
    List<JsonElement> results = new ArrayList<>();
    for (String flush : List.of("immediate", "deferred=16")) {
      Path rows = temporary.resolve("results.csv");
      Path leaves = temporary.resolve("leaves.csv");
      JsonArray policies =
          replay(
              "--policy",
              policy.word(),
              "--flush",
              flush,
              "--dma",
              4000,
              "--results",
              rows,
              "--leaves",
              leaves,
              log);
      ends.add(Files.readString(rows) + Files.readString(leaves));
      results.add(policies.get(0));
    }
    assertEquals(ends.get(0), ends.get(1));
    JsonElement immediate = results.get(0);
    JsonElement deferred = results.get(1);
    assertTrue(dma(deferred, "accesses") >= 4000, deferred.toString());
    assertEquals(0, dma(deferred, "wrongData"), deferred.toString());
    boolean hasGaps = policy == Policy.REMAP;
    assertTrue(hasGaps || dma(deferred, "translationFaults") == 0, deferred.toString());
    assertTrue(
        figure(deferred, "flushWaits") < figure(immediate, "flushWaits"),
        () -> figure(deferred, "flushWaits") + " of " + figure(immediate, "flushWaits"));
    assertTrue(figure(deferred, "flushes") <= figure(immediate, "flushes"), deferred.toString());
    for (String same :
        List.of("rmpFaults", "illegalLeaves", "gapBytes", "tableBytesEnd", "pinnedBytesEnd")) {
      assertEquals(figure(immediate, same), figure(deferred, same), same);
    }
  }

  private static ReplayOptions options(long sharedBase, int flushEntries) {
    return new ReplayOptions(
            ANY_SIZE, 3, true, 64 * MIB, 0, RmpFollower.Order.TABLE_FIRST, 1L << 30, 0, 1)
        .withSharedBase(sharedBase)
        .withFlushEntries(flushEntries);
  }

  private static TraceEvent map(long gpa, long length) {
    return new TraceEvent.Map(1, gpa, OptionalLong.of(gpa + (1L << 30)), length, 3);
  }

  private static TraceEvent unmap(long gpa, long length) {
    return new TraceEvent.Unmap(1, gpa, length, false);
  }

  private static void apply(PolicyRun run, TraceEvent... events) {
    for (TraceEvent event : events) {
      run.prepare(event);
      assertTrue(run.apply(event).isOk(), event::toString);
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Policy.class,
      names = {"FOLLOW", "FOLLOW_LAZY", "ALL_4K", "REMAP"})
  void noPageChangesItsStateBeforeWhatIsOwedOfItsRegionIsFlushed(Policy policy) {
    try (PolicyRun run = new PolicyRun(policy, options(0, 64), false, null)) {
      apply(run, map(0, 8 * MIB), unmap(4 * MIB, 2 * MIB));
      assertEquals(0, run.flushCommands());
      apply(run, new TraceEvent.Share(1, 5 * MIB, 4096));
      assertEquals(1, run.flushCommands());
      apply(run, unmap(6 * MIB, 2 * MIB), new TraceEvent.Share(1, 5 * MIB + 4096, 4096));
      assertEquals(1, run.flushCommands(), "another region's");
    }
  }

  @ParameterizedTest
  @EnumSource(Policy.class)
  void anIovaIsNotMappedAnewBeforeItsFlush(Policy policy) {
    long base = policy.isSharedBacked() ? 1L << 40 : 0;
    try (PolicyRun run = new PolicyRun(policy, options(base, 64), false, null)) {
      apply(run, map(0, 4 * MIB));
      if (policy.isSharedBacked()) {
        apply(run, new TraceEvent.Share(1, 0, 4 * MIB));
      }
      long before = run.flushCommands();
      // A whole region: of a part, its RMP entry would be smashed, and flushed before that. Page by
      // page it would be more than a batch.
      long bytes = policy == Policy.SHARED_ONLY_4K ? 8192 : 2 * MIB;
      apply(run, unmap(0, bytes), map(6 * MIB, bytes));
      assertEquals(before, run.flushCommands(), "another iova");
      apply(run, map(4096, 4096));
      assertTrue(run.flushCommands() > before);
    }
  }

  @Test
  void aSharedPageThatComesBackToWhereItWasWaitsForNoFlush() {
    try (PolicyRun run = new PolicyRun(Policy.SHARED_ONLY, options(1L << 40, 64), true, null)) {
      apply(run, map(0, 8 * MIB));
      for (int i = 0; i < 20; i++) {
        apply(run, new TraceEvent.Share(1, 4096, 8192), new TraceEvent.Unshare(1, 4096, 8192));
      }
      assertEquals(0, run.flushCommands());
      assertEquals(8192, run.backingBytes());
      apply(run, new TraceEvent.Share(1, 4096, 4096));
      assertEquals(8192, run.backingBytes(), "one page mapped, one that waits");
      run.flushOwed();
      assertEquals(1, run.flushCommands());
      assertEquals(4096, run.backingBytes());
    }
  }

  @ParameterizedTest
  @CsvSource({"immediate, 4096, 10", "deferred=4, 16384, 3", "deferred, 40960, 1"})
  void memoryStaysPinnedAndBackedUntilItsFlush(String flush, long most, long waits)
      throws IOException {
    StringBuilder log = new StringBuilder("map 0 0 64M rw\n");
    for (int i = 0; i < 10; i++) {
      log.append("share %d 4K\nunshare %d 4K\n".formatted(8192 * i, 8192 * i));
    }
    Path trace = Files.writeString(temporary.resolve("log.trace"), log.toString());
    for (String policy : List.of("shared-only", "shared-only-4k")) {
      JsonElement result = replay("--policy", policy, "--flush", flush, trace).get(0);
      assertEquals(most, figure(result, "pinnedBytesPeak"), policy);
      assertEquals(most, figure(result, "sharedBackingBytesPeak"), policy);
      assertEquals(4096, figure(result, "mappedBytesPeak"), policy);
      assertEquals(0, figure(result, "pinnedBytesEnd"), policy);
      assertEquals(0, figure(result, "sharedBackingBytesEnd"), policy);
      assertEquals(waits, figure(result, "flushWaits"), policy);
    }
  }

  @Test
  void tablesThatWaitForAFlushAreNoReasonToRefuseAMap() {
    // The top, and two tables for 4 KiB leaves at a time: what waits must be given back.
    ReplayOptions little =
        new ReplayOptions(4096, 2, false, 4096, 0, RmpFollower.Order.TABLE_FIRST, 3 * 4096, 0, 1)
            .withFlushEntries(64);
    try (PolicyRun run = new PolicyRun(Policy.FOLLOW, little, false, null)) {
      for (int i = 0; i < 20; i++) {
        long iova = 4L * i * MIB;
        apply(run, map(iova, 4096), map(iova + 2 * MIB, 4096));
        apply(run, unmap(iova, 4096), unmap(iova + 2 * MIB, 4096));
      }
    }
  }

  @Test
  void severalWaysStandSideBySide() throws IOException {
    Path csv = temporary.resolve("out.csv");
    Path log = TRACES.resolve("pagestate-linux-6.12.trace.gz");
    Path json = temporary.resolve("out.json");
    Path report = temporary.resolve("out.html");
    Cleave.Result run =
        Cleave.run(
            "replay",
            "--policy",
            "shared-only,follow",
            "--order",
            "table-first",
            "--flush",
            "immediate,deferred,deferred=256",
            "--csv",
            csv,
            "--json",
            json,
            "--report",
            report,
            log);
    assertEquals(0, run.code(), run.err());
    assertTrue(
        run.out().contains("flushes that can wait are immediate, then deferred=64"), run.out());
    assertTrue(run.out().contains("shared-only deferred=256 "), run.out());
    assertTrue(Files.readString(report).contains("What deferring flushes saves"));
    JsonObject root = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertEquals(
        "[\"immediate\",\"deferred=64\",\"deferred=256\"]",
        root.getAsJsonObject("input").get("flush").toString());
    assertTrue(Files.readAllLines(csv).get(2).startsWith("shared-only,,deferred=64,"));
    JsonArray policies = root.getAsJsonArray("policies");
    assertEquals(6, policies.size());
    long immediate = figure(policies.get(0), "flushes");
    assertTrue(figure(policies.get(1), "flushes") * 10 < immediate, policies.toString());
    assertTrue(figure(policies.get(2), "flushes") < figure(policies.get(1), "flushes"));
    // Each of its flushes stands between table and RMP, or ends a window between them.
    assertEquals(figure(policies.get(3), "flushes"), figure(policies.get(5), "flushes"));
  }

  @ParameterizedTest
  @CsvSource({"later", "deferred=0", "deferred=65537", "deferred=", "deferred=x"})
  void anotherWordIsRefusedInOneLine(String how) {
    Cleave.Result run =
        Cleave.run("replay", "--flush", how, TRACES.resolve("pagestate-linux-6.12.trace.gz"));
    assertEquals(2, run.code());
    assertTrue(run.err().contains("flush=" + how) && run.err().lines().count() == 1, run.err());
  }
}
