package dev.cleave.bench.jmh;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonParser;
import dev.cleave.bench.processor.CoreLook;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs JMH in this JVM for a moment; what it measures means nothing. */
class PairRunnerTest {
  private static final Effort MOMENT = new Effort(1, 1, 2, 20);

  @TempDir Path directory;

  /** JMH refuses to measure beside another JMH; where nothing is measured that does not matter. */
  @BeforeAll
  static void ignoreOtherRuns() {
    System.setProperty("jmh.ignoreLock", "true");
  }

  @AfterAll
  static void mindOtherRuns() {
    System.clearProperty("jmh.ignoreLock");
  }

  private static Pair pair(String benchmark) {
    return Pairs.ALL.stream()
        .filter(pair -> pair.benchmark().equals(benchmark))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void bothSidesAreMeasuredAndKeptInTheJsonOfJmh() throws Exception {
    Pair pair = pair("SinglePage.mapThenUnmap");
    PairRunner runner = new PairRunner(List.of(pair), MOMENT, 0);
    List<String> begun = new ArrayList<>();
    List<PairResult> results = runner.run(begun::add);
    assertEquals(List.of(pair.work()), begun);
    assertEquals(1, results.size());
    PairResult result = results.getFirst();
    assertTrue(result.ns() > 0 && result.againstNs() > 0, result.toString());
    assertEquals(result.ns() / result.againstNs(), result.ratio(), 1e-9);
    assertEquals(pair.limit(), result.limit());

    Path file = directory.resolve("jmh.json");
    runner.writeJmhJson(file);
    JsonArray kept = JsonParser.parseString(Files.readString(file)).getAsJsonArray();
    assertEquals(
        List.of("dev.cleave.bench.jmh." + pair.benchmark(), "dev.cleave.bench.jmh." + pair.rival()),
        kept.asList().stream()
            .map(one -> one.getAsJsonObject().get("benchmark").getAsString())
            .sorted()
            .toList());
  }

  @Test
  void runsOnACoreOfOurOwnCountIfThereAreAny() {
    CoreLook own = new CoreLook(2, 0.5);
    CoreLook shared = new CoreLook(2.4, 0.7);
    PairRunner.Run first = between(own, own);
    PairRunner.Run second = between(own, shared);
    PairRunner.Run third = between(shared, own);
    assertEquals(
        List.of(first), PairRunner.counting(List.of(second, first, third), own), "one was quiet");
    assertEquals(List.of(second, third), PairRunner.counting(List.of(second, third), own));
    assertEquals(List.of(first, first), PairRunner.counting(List.of(first, first), own));
  }

  private static PairRunner.Run between(CoreLook before, CoreLook after) {
    return new PairRunner.Run(
        List.of(),
        new Calibration.Around(
            new Calibration.Reading(300, before), new Calibration.Reading(300, after)));
  }
}
