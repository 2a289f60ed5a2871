package dev.cleave.bench.image.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.cli.Cleave;
import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.image.Tables;
import dev.cleave.engine.format.Geometry;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.LongUnaryOperator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Images made to keep a decoder busy for ever: the work stays bounded and the answer clear. */
class HostileImageTest {
  private static final int PAGES = 600;

  @TempDir Path temporary;

  /** Pages at 0, 4096, … with every entry of each the same function of its address. */
  private Path image(LongUnaryOperator entryAt) {
    Tables tables = new Tables();
    for (long page = 0; page < PAGES; page++) {
      for (int index = 0; index < Geometry.TABLE_ENTRIES; index++) {
        long at = page << Geometry.PAGE_LOG2 | index << 3;
        tables.set(page << Geometry.PAGE_LOG2, index, entryAt.applyAsLong(at));
      }
    }
    return tables.write(temporary.resolve("image"), 0, 6);
  }

  private void assertTruncated(Path image, Rule rule) {
    Cleave.Result result =
        Cleave.run(
            "inspect",
            image,
            "--audit",
            "--leaves",
            temporary.resolve("leaves.csv"),
            "--lookup",
            0);
    assertEquals(1, result.code());
    assertEquals(1, result.errLines().size(), result.err());
    assertTrue(result.out().contains("error " + rule), result.out());
    assertTrue(result.out().contains("error " + Rule.TRUNCATED));
    assertTrue(result.out().contains("INCOMPLETE"));
    assertTrue(result.out().lines().count() < Findings.MOST_KEPT + 100);
  }

  @Test
  void allDirectoriesPointingAtTheTopEndsWithLoops() {
    long[] level = {5, 4, 3, 2, 1};
    assertTruncated(
        image(at -> Tables.FORMAT.directory(0, (int) level[(int) (at >>> 3) % 5])), Rule.LOOP);
  }

  @Test
  void directoriesThatPointAtEachOtherEndWithTablesReachedTwice() {
    assertTruncated(
        image(at -> {
          long mixed = (at * 0x9E37_79B9_7F4A_7C15L) >>> 33;
          return Tables.FORMAT.directory(
              mixed % PAGES << Geometry.PAGE_LOG2, (int) (mixed / PAGES % 5) + 1);
        }),
        Rule.REACHED_TWICE);
  }

  @Test
  void nothingButLevelErrorsEndsAfterSomeOfThem() {
    assertTruncated(
        image(at ->
            switch ((int) (at >>> Geometry.PAGE_LOG2)) {
              case 0 -> at == 0 ? Tables.FORMAT.directory(0x1000, 5) : 0;
              case 1 -> Tables.FORMAT.directory((at / 8 - 510) << Geometry.PAGE_LOG2, 4);
              default -> Tables.FORMAT.directory(0, 6);
            }),
        Rule.NEXT_LEVEL);
  }

  @Test
  void danglingPointersEverywhereAreCountedAndNamedUpToALimit() {
    Path image =
        image(at ->
            at < 100 * 8
                ? Tables.FORMAT.directory((at / 8 + 1) << Geometry.PAGE_LOG2, 2)
                : at < 4096 ? 0 : Tables.FORMAT.directory(0xDEAD_0000_0000L, 1));
    Cleave.Result result = Cleave.run("inspect", image, "--audit");
    assertEquals(1, result.code());
    List<String> lines = result.out().lines().toList();
    assertTrue(lines.getLast().equals("audit: 51200 errors, 0 warnings"), lines.getLast());
    assertTrue(lines.contains("domain 7: 41200 more findings are counted and not shown"));
    assertFalse(result.out().contains("INCOMPLETE"));
  }

  @Test
  void afterManyHopelessTablesTheRestOfAManifestIsNotTried() {
    Tables tables = new Tables().page(0);
    List<Manifest.Domain> domains =
        IntStream.range(0, 1000)
            .mapToObj(id -> new Manifest.Domain(id, 0xDEAD_0000L, 3, List.of()))
            .toList();
    Manifest manifest = new Manifest(OptionalLong.empty(), new LinkedHashMap<>(), domains);
    Path image = tables.write(temporary.resolve("image"), manifest);
    Cleave.Result result = Cleave.run("inspect", image, "--audit");
    assertEquals(1, result.code());
    assertEquals(1, result.errLines().size());
    assertTrue(result.out().contains("error dangling domain 15:"), result.out());
    assertTrue(result.out().contains("error truncated domain 16: not decoded"), result.out());
  }
}
