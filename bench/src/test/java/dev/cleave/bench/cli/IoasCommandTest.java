package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code cleave ioas} prints, and how it ends. */
class IoasCommandTest {
  private static final String GOLDEN = "src/test/resources/golden/iommufd/ops.log.gz";

  @TempDir Path temporary;

  @Test
  void theGoldenLogHasNoDifference() throws IOException {
    Path json = temporary.resolve("ioas.json");
    Result result = Cleave.run("ioas", "--check", GOLDEN, "--json", json);
    assertEquals("operations 8476, differences 0\n", result.out());
    assertEquals(0, result.code());
    JsonObject written = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertEquals(0, written.get("differences").getAsLong());
    assertEquals(8476, written.get("operations").getAsLong());
  }

  @Test
  void aDifferenceIsShownWithItsLineAndExitsWithOne() throws IOException {
    Path log = Files.writeString(temporary.resolve("a.log"), "1 IOAS_ALLOC flags=0 -> 0 id=2\n");
    Result result = Cleave.run("ioas", "--check", log);
    assertEquals(1, result.code());
    assertEquals(
        """
        operations 1, differences 1
        line 1: 1 IOAS_ALLOC flags=0 -> 0 id=2
          expected 0 id=2, found 0 id=1
        """,
        result.out());
  }

  @Test
  void whatCannotBeReadIsRefusedInOneLine() {
    Result missing = Cleave.run("ioas", "--check", temporary.resolve("none.log"));
    assertEquals(2, missing.code());
    assertEquals(1, missing.errLines().size());
    assertTrue(missing.err().contains("no such file or directory"), missing.err());
    assertEquals(2, Cleave.run("ioas").code());
    Result pipe = Cleave.run("ioas", "--check", "-");
    assertEquals(
        List.of("cleave: --check needs a file: the leaves of its dumps lie beside it"),
        pipe.errLines());
  }
}
