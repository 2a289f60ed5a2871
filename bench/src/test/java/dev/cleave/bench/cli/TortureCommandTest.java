package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave.Result;
import dev.cleave.bench.torture.Fault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Nothing is found in the engine as it is, and whatever is broken on purpose is. */
@Tag("slow")
class TortureCommandTest {
  @TempDir Path temporary;

  @Test
  void aShortRunDoesEverythingAndFindsNothing() throws IOException {
    Path json = temporary.resolve("torture.json");

    Result result = Cleave.run("torture", "--seconds", 4, "--threads", 3, "--json", json);

    assertEquals(0, result.code(), result.out() + result.err());
    assertTrue(result.out().endsWith("violations: 0\n"), result.out());
    JsonObject written = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertEquals(0, written.get("violations").getAsInt());
    for (Map.Entry<String, JsonElement> kind : written.getAsJsonObject("kinds").entrySet()) {
      assertTrue(kind.getValue().getAsLong() > 0, "operations: " + kind);
    }
    for (String beside : List.of("deviceCacheHits", "marks", "translations", "flushes")) {
      assertTrue(written.get(beside).getAsLong() > 0, beside);
    }
  }

  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "NONE")
  void aPlantedFaultIsFoundAndTheLastOperationsAreTold(Fault fault) {
    boolean isOfWaiting = fault.isOfWaitingTables();
    String how = isOfWaiting ? "deferred" : "immediate";
    Result result =
        Cleave.run(
            "torture", "--seconds", 60, "--seed", 7, "--flush", how, "--break", fault.word());

    assertEquals(1, result.code(), result.out() + result.err());
    assertTrue(result.out().contains("\nviolation: "), result.out());
    // A page that is handed out twice may be met first where no writer has been: nothing to tell.
    boolean isElsewhere = fault == Fault.FREED_BY_OLD_GATHER || fault == Fault.TAKEN_BACK_TWICE;
    assertTrue(isElsewhere || result.out().contains(" ms before  writer "), result.out());
    String again =
        "again: cleave torture --threads 4 --seed 7" + (isOfWaiting ? " --flush deferred" : "");
    assertTrue(result.out().endsWith(again + "\n"), result.out());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --seconds 0   |--seconds must be at least 1, seconds=0
          --threads 0   |--threads must be 1 to 16, threads=0
          --threads 17  |--threads must be 1 to 16, threads=17
          --break legs  |--break must be one of missing-release, free-before-flush, forgotten-dirty, short-flush, stale-count, freed-by-old-gather, taken-back-twice, no-shadow, break=legs
          --flush later |--flush must be immediate, deferred or deferred=N with N from 1 to 65536, flush=later
          --flush deferred=0 |--flush must be immediate, deferred or deferred=N with N from 1 to 65536, flush=deferred=0
          """)
  void whatCannotBeUsedIsRefusedInOneLine(String options, String message) {
    Result result = Cleave.run((Object[]) ("torture " + options).split(" +"));

    assertEquals(2, result.code());
    assertEquals(List.of("cleave: " + message), result.errLines());
  }
}
