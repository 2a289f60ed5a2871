package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.playwright.ElementHandle;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.SelectOption;
import dev.cleave.bench.cli.Cleave;
import dev.cleave.bench.jmh.Effort;
import dev.cleave.bench.jmh.Pair;
import dev.cleave.bench.jmh.PairResult;
import dev.cleave.bench.jmh.PairRunner;
import dev.cleave.bench.jmh.Pairs;
import dev.cleave.bench.provenance.Provenance;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;

/** Reports of footprints, of benchmarks, and of a very large guest, as a browser shows them. */
@Tag("slow")
class OtherReportsTest {
  private static final Effort MOMENT = new Effort(1, 1, 2, 20);
  private static final int MOST_REPORT_BYTES = 5_000_000;
  private static final int FEW_CHANGES = 300;
  private static final int MANY_CHANGES = 3000;

  @TempDir Path directory;
  private Chromium chromium;

  @BeforeEach
  void start() {
    chromium = Chromium.startOrSkip();
  }

  @AfterEach
  void stop() {
    if (chromium != null) {
      chromium.close();
    }
  }

  @Test
  void migrationsAreCurvesOfEveryPatternAndARateNear100PercentIsShownSo() throws Exception {
    Path report = directory.resolve("migrate.html");
    Cleave.Result result =
        Cleave.run(
            "migrate",
            "--guest-memory",
            "1G",
            "--downtime",
            "5ms",
            "--rmp",
            "off",
            "--report",
            report);
    assertEquals(0, result.code(), result.err());

    Page page = chromium.open(report);
    List<ElementHandle> cells = page.querySelectorAll("td[data-key=hitsBefore]");
    assertEquals(10, cells.size());
    for (ElementHandle cell : cells) {
      double percent = 100 * Double.parseDouble(cell.getAttribute("data-value"));
      String shown = cell.textContent().replaceAll("[^0-9.]", "");
      assertEquals(percent, Double.parseDouble(shown), 0.06);
    }
    Locator chart = page.locator("#chart-dirty-pages");
    assertEquals(List.of("ring", "random"), chart.locator("option").allTextContents());
    List<String> csv = Chromium.copied(page, "#chart-dirty-pages button").lines().toList();
    assertEquals(
        "variant,pass,stop-and-copy,as-they-are,split-all,split-written,split-twice",
        csv.getFirst());
  }

  @Test
  void footprintsAreCurvesOfEveryPatternAndGuest() throws Exception {
    Path report = directory.resolve("footprint.html");
    Path jsonFile = directory.resolve("footprint.json");
    Cleave.Result result =
        Cleave.run(
            "footprint",
            "--guest-memory",
            "64M,128M",
            "--shared",
            "0,1%",
            "--pattern",
            "scattered,boot",
            "--policy",
            "follow,all-4k",
            "--report",
            report,
            "--json",
            jsonFile);
    assertEquals(0, result.code(), result.err());
    JsonObject json = JsonParser.parseString(Files.readString(jsonFile)).getAsJsonObject();
    JsonArray tables = json.getAsJsonArray("tables");
    assertEquals(2 * 2 * 2 * 2, tables.size());

    Page page = chromium.open(report);
    JsonObject followed = // the second share of the larger guest, scattered
        tables.get(6).getAsJsonObject();
    assertEquals("follow", followed.get("policy").getAsString());
    assertEquals(128L << 20, followed.get("guestMemory").getAsLong());
    assertEquals(0.01, followed.get("shared").getAsDouble());
    ElementHandle cell = page.querySelectorAll("tr[data-name=follow] td").get(1);
    assertEquals(
        followed.get("bytesPerGib").getAsDouble(),
        Double.parseDouble(cell.getAttribute("data-value")));
    assertEquals(6, page.querySelectorAll("#summary tbody tr").size());
    assertEquals(3, page.locator("#findings li").count());

    Locator chart = page.locator("#chart-bytes-by-share");
    assertEquals(
        List.of(
            "scattered, guest of 64M",
            "scattered, guest of 128M",
            "boot, guest of 64M",
            "boot, guest of 128M"),
        chart.locator("option").allTextContents());
    chart.locator("select").selectOption(new SelectOption().setIndex(3));
    List<String> csv = Chromium.copied(page, "#chart-bytes-by-share button").lines().toList();
    assertEquals(
        "variant,shared,follow,all-4k,minimum,minimum of 4K leaves,on-heap long[] radix,flat hash,"
            + "extent map,re-walking table",
        csv.getFirst());
    assertEquals(1 + 4 * 2, csv.size());
    long bytes = followed.get("tableBytes").getAsLong() + followed.get("metadataBytes").getAsLong();
    String expected = "\"scattered, guest of 128M\",1 %," + bytes + ",";
    assertTrue(csv.stream().anyMatch(line -> line.startsWith(expected)), String.join("\n", csv));
    // who prints or captures the page does not scroll
    assertTrue(page.locator(".plot").count() >= 2);
    assertEquals(page.locator(".plot").count(), page.locator(".plot:has(canvas)").count());
  }

  @Test
  void pairsAreBarsThatEndBeforeTheirLimitsOrBeyond() throws Exception {
    System.setProperty("jmh.ignoreLock", "true");
    List<PairResult> pairs;
    try {
      List<Pair> some =
          Pairs.ALL.stream().filter(pair -> pair.benchmark().startsWith("SinglePage.")).toList();
      pairs = new PairRunner(some, MOMENT, 0).run(_ -> {});
    } finally {
      System.clearProperty("jmh.ignoreLock");
    }
    Path report = directory.resolve("bench.html");
    BenchReport.of(pairs, Map.of("effort", "a moment"), Provenance.now("./cleave bench", null))
        .write(report.toString());
    Page page = chromium.open(report);
    List<ElementHandle> rows = page.querySelectorAll("#summary tbody tr");
    assertEquals(pairs.size(), rows.size());
    for (int i = 0; i < pairs.size(); i++) {
      ElementHandle ratio = rows.get(i).querySelector("td[data-key=ratio]");
      assertTrue(pairs.get(i).ratio() > 0, pairs.get(i).toString());
      assertEquals(pairs.get(i).ratio(), Double.parseDouble(ratio.getAttribute("data-value")));
      assertEquals(pairs.get(i).isReached() ? "best" : "", ratio.getAttribute("class"));
    }
    List<String> csv = Chromium.copied(page, "#chart-pairs button").lines().toList();
    assertEquals("pair,\"ratio, part of the limit\",error", csv.getFirst());
    String[] first = csv.get(1).split(",", -1);
    assertEquals(
        pairs.getFirst().ratio() / pairs.getFirst().limit(), Double.parseDouble(first[1]), 1e-12);
    page.waitForSelector("#chart-pairs canvas");
  }

  @Test
  void aGuestOf16TibFitsInOnePage(TestReporter reporter) throws Exception {
    checkGuestOf16Tib(FEW_CHANGES, reporter);
  }

  /** What a report keeps grows with the tables as they are at every change. */
  @Test
  @Tag("full")
  void soDoesOneWhosePagesChangeOften(TestReporter reporter) throws Exception {
    checkGuestOf16Tib(MANY_CHANGES, reporter);
  }

  private void checkGuestOf16Tib(int changes, TestReporter reporter) throws Exception {
    StringBuilder trace = new StringBuilder("map 0 0 16T rw\n");
    Random random = new Random(16);
    for (int i = 0; i < changes; i++) {
      long gpa = random.nextLong(1L << 32) << 12;
      trace.append("share 0x%x 4K%n".formatted(gpa));
      if (random.nextBoolean()) {
        trace.append("unshare 0x%x 4K%n".formatted(gpa));
      }
    }
    Path file = Files.writeString(directory.resolve("large.trace"), trace);
    Path report = directory.resolve("large.html");
    Cleave.Result result =
        Cleave.run(
            "replay",
            "--policy",
            "follow,follow-lazy,remap",
            "--order",
            "table-first",
            file,
            "--report",
            report);
    assertEquals(0, result.code(), result.err());
    long bytes = Files.size(report);
    assertTrue(bytes < MOST_REPORT_BYTES, bytes + " bytes");

    Page page = chromium.open(report);
    reporter.publishEntry("bytes of a 16 TiB report", Long.toString(bytes));
    reporter.publishEntry("ms until it is drawn", page.getAttribute("html", "data-ready"));
    assertTrue(
        page.locator("#map-window").textContent().contains("16\u00a0TiB; a cell is 2\u00a0GiB"));
    page.locator("canvas[data-policy=follow]").click();
    assertTrue(page.locator("#map-window").textContent().contains("a cell is a region of 2 MiB"));
    page.locator("canvas[data-policy=follow]").click();
    assertTrue(page.locator("#map-window").textContent().endsWith("a cell is a page"));
  }
}
