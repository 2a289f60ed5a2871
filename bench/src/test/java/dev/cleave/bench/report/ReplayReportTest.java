package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.playwright.ElementHandle;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.BoundingBox;
import com.microsoft.playwright.options.ColorScheme;
import com.microsoft.playwright.options.Media;
import dev.cleave.bench.cli.Cleave;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The report of a small guest, as a browser shows it. */
@Tag("slow")
class ReplayReportTest {
  /** Events 2 and 3 change region 3, event 4 shares all of region 5. */
  private static final String TRACE =
      """
      map 0 0 1G rw
      share 0x601000 4K
      unshare 0x601000 4K
      share 0xa00000 2M
      dma 0 4K r
      """;

  private static final int REGIONS = 512;
  private static final int COLUMNS = 32;
  private static final double GUTTER = 86;

  @TempDir static Path directory;

  private static Chromium chromium;
  private static JsonObject json;
  private static Path report;
  private Page page;

  @BeforeAll
  static void replay() throws Exception {
    chromium = Chromium.startOrSkip();
    Path trace = Files.writeString(directory.resolve("small.trace"), TRACE);
    report = directory.resolve("report.html");
    Path jsonFile = directory.resolve("report.json");
    Cleave.Result result =
        Cleave.run(
            "replay",
            trace,
            "--policy",
            "follow,follow-lazy,all-4k,remap",
            "--dma",
            2000,
            "--report",
            report,
            "--json",
            jsonFile,
            "--quiet");
    assertEquals(0, result.code(), result.err());
    json = JsonParser.parseString(Files.readString(jsonFile)).getAsJsonObject();
  }

  @AfterAll
  static void stop() {
    if (chromium != null) {
      chromium.close();
    }
  }

  @BeforeEach
  void open() {
    page = chromium.open(report);
  }

  @AfterEach
  void close() {
    page.context().close();
  }

  /** The first of a policy's results: that of the first order. */
  private static JsonObject result(String policy) {
    for (JsonElement one : json.getAsJsonArray("policies")) {
      if (one.getAsJsonObject().get("policy").getAsString().equals(policy)) {
        return one.getAsJsonObject();
      }
    }
    throw new AssertionError(policy);
  }

  private static double figure(JsonObject result, String key) {
    JsonObject dma = result.getAsJsonObject("dma");
    return switch (key) {
      case "dma.iotlbHits" ->
          dma.get("iotlbHits").getAsDouble()
              / (dma.get("accesses").getAsDouble() - dma.get("windowAccesses").getAsDouble());
      case "dma.refused" ->
          dma.get("translationFaults").getAsDouble() + dma.get("rmpFaults").getAsDouble();
      case "dma.wrongData" -> dma.get("wrongData").getAsDouble();
      default -> result.get(key).getAsDouble();
    };
  }

  @Test
  void theFiguresAreThoseOfTheJson() {
    List<ElementHandle> rows = page.querySelectorAll("#summary tbody tr");
    assertEquals(4, rows.size());
    for (ElementHandle row : rows) {
      String policy = row.getAttribute("data-name");
      List<ElementHandle> cells = row.querySelectorAll("td");
      assertTrue(cells.size() > 10, policy);
      for (ElementHandle cell : cells) {
        String key = cell.getAttribute("data-key");
        double shown = Double.parseDouble(cell.getAttribute("data-value"));
        assertEquals(figure(result(policy), key), shown, 1e-12, policy + " " + key);
      }
    }
  }

  @Test
  void theWinnersAreMarkedAndSaidInThreeSentences() {
    for (ElementHandle cell : page.querySelectorAll("#summary td[data-key=tableBytesPeak]")) {
      String policy =
          (String) cell.evaluate("cell => cell.parentElement.getAttribute('data-name')");
      boolean isMarked = cell.getAttribute("class").equals("best");
      assertEquals(!policy.equals("all-4k"), isMarked, policy);
    }
    List<String> sentences = page.locator("#findings li").allTextContents();
    assertEquals(3, sentences.size());
    assertTrue(sentences.getFirst().contains("all-4k takes 2.01\u00a0MiB"), sentences.getFirst());
  }

  @Test
  void theCommandCanBeCalledAgain() {
    String command = Chromium.copied(page, "button:text-is('Copy command')");
    assertTrue(command.startsWith("./cleave replay " + directory), command);
    assertTrue(command.endsWith("--quiet"), command);
    assertEquals(page.locator("#command").textContent(), command);
  }

  @Test
  void everyChartIsDrawnWhenOneComesToIt() {
    for (String id :
        List.of(
            "table-bytes",
            "mixed-regions",
            "stores",
            "flushes",
            "rmp-windows",
            "iotlb-hits",
            "dma-faults",
            "event-times",
            "order-windows",
            "order-faults",
            "order-stalls")) {
      Locator chart = page.locator("#chart-" + id);
      chart.scrollIntoViewIfNeeded();
      assertTrue(inked(chart.locator("canvas").first()) > 500, id);
    }
  }

  /** Pixels of a canvas that something was drawn on. */
  private static int inked(Locator canvas) {
    Number count =
        (Number)
            canvas.evaluate(
                "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
                    + ".data.filter((value, i) => i % 4 === 3 && value > 0).length");
    return count.intValue();
  }

  @Test
  void aChartIsCopiedAsCsv() {
    String csv = Chromium.copied(page, "#chart-stores button:text-is('Copy CSV')");
    List<String> lines = csv.lines().toList();
    assertEquals("event,follow,follow-lazy,all-4k,remap", lines.getFirst());
    assertEquals(1 + 5, lines.size());
    assertEquals(
        "5,%d,%d,%d,%d"
            .formatted(
                result("follow").get("stores").getAsLong(),
                result("follow-lazy").get("stores").getAsLong(),
                result("all-4k").get("stores").getAsLong(),
                result("remap").get("stores").getAsLong()),
        lines.getLast());
  }

  @Test
  void theSummaryIsCopiedAsCsv() {
    String csv = Chromium.copied(page, "#summary-note button:text-is('Copy CSV')");
    assertEquals(5, csv.lines().count());
    assertTrue(csv.startsWith("Policy,Events,Failed,Splits,"), csv);
  }

  private void moveTo(int step) {
    page.locator("#map-step").fill(Integer.toString(step));
  }

  private BoundingBox map(String policy) {
    Locator canvas = page.locator("canvas[data-policy='%s']".formatted(policy));
    canvas.scrollIntoViewIfNeeded();
    return canvas.boundingBox();
  }

  private void hover(String policy, int cell) {
    BoundingBox box = map(policy);
    double side = Math.min(18, (box.width - GUTTER) / COLUMNS);
    page.mouse()
        .move(
            box.x + GUTTER + (cell % COLUMNS + 0.5) * side,
            box.y + (Math.floorDiv(cell, COLUMNS) + 0.5) * side);
  }

  /** What the page says of a cell under a policy. */
  private String hovered(String policy, int cell) {
    hover(policy, cell);
    return page.locator("#map-tip .here").textContent();
  }

  @Test
  void theMapFollowsTheSliderForthAndBack() {
    String whole = "follow: leaves 1 × 1G; private, RMP entries of 2M";
    for (int round = 0; round < 2; round++) {
      moveTo(0);
      assertEquals("follow: not mapped; private, RMP entries of 4K", hovered("follow", 3));
      moveTo(1);
      assertEquals(whole, hovered("follow", 3));
      moveTo(2);
      assertEquals(
          "follow: leaves 2 × 1M; 1 of 512 pages shared, RMP entries of 4K", hovered("follow", 3));
      assertEquals("follow: leaves 1 × 2M; private, RMP entries of 2M", hovered("follow", 2));
      moveTo(3);
      assertEquals(whole, hovered("follow", 3));
      moveTo(5);
      assertEquals("follow: leaves 1 × 1G; all shared", hovered("follow", 5));
    }
  }

  @Test
  void theMapsMoveTogetherAndDiffer() {
    moveTo(3);
    String moment = page.locator("#map-moment").textContent();
    assertTrue(moment.contains("line 3: unshare 0x601000, 4\u00a0KiB"), moment);
    hover("follow-lazy", 3);
    List<String> lines = page.locator("#map-tip div").allTextContents();
    assertEquals(
        List.of(
            "follow: leaves 1 × 1G; private, RMP entries of 2M",
            "follow-lazy: leaves 2 × 1M; private, RMP entries of 4K",
            "all-4k: leaves 512 × 4K; private, RMP entries of 4K",
            "remap: leaves 1 × 2M; private, RMP entries of 2M"),
        lines);
  }

  @Test
  void aRegionOpensToItsPages() {
    moveTo(2);
    hover("follow", 3);
    page.mouse().down();
    page.mouse().up();
    assertTrue(page.locator("#map-window").textContent().startsWith("0x600000 – 0x800000"));
    assertEquals("follow: leaves 1 × 1M; shared", hovered("follow", 1));
    assertTrue(page.locator("#map-tip").textContent().contains("page 1 of region 0x600000"));
    assertEquals("follow: leaves 1 × 1M; private", hovered("follow", REGIONS - 1));
    page.locator("#map-all").click();
    assertTrue(page.locator("#map-window").textContent().startsWith("0x0 – 0x40000000"));
  }

  @Test
  void theWheelZoomsAndAnAddressIsFound() {
    hover("remap", 200);
    page.mouse().wheel(0, -100);
    assertTrue(page.locator("#map-window").textContent().contains("256\u00a0MiB"));
    page.locator("#map-address").fill("0xa00123");
    page.locator("#map-address").press("Enter");
    assertTrue(page.locator("#map-window").textContent().startsWith("0xa00000 – 0xc00000"));
    assertEquals("remap: leaves 1 × 8M; shared", hovered("remap", 7));
  }

  private String ground() {
    return (String) page.evaluate("getComputedStyle(document.body).backgroundColor");
  }

  @Test
  void itIsDarkWhereThatIsPreferred() {
    String light = ground();
    int[] pixel = pixel();
    page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(ColorScheme.DARK));
    assertNotEquals(light, ground());
    assertNotEquals(pixel[0], pixel()[0]);
  }

  /** A pixel of a cell that is not mapped before the first event. */
  private int[] pixel() {
    moveTo(0);
    Number red =
        (Number)
            page.evaluate(
                "document.querySelector('canvas[data-policy=follow]').getContext('2d')"
                    + ".getImageData(90, 4, 1, 1).data[0]");
    return new int[] {red.intValue()};
  }

  @Test
  void itIsPrintedLightWithoutControlsAndWithAllCharts() {
    page.emulateMedia(
        new Page.EmulateMediaOptions().setColorScheme(ColorScheme.DARK).setMedia(Media.PRINT));
    page.waitForSelector("html.printing");
    assertEquals("rgb(255, 255, 255)", ground());
    assertFalse(page.locator("#map-step").isVisible());
    for (ElementHandle plot : page.querySelectorAll(".plot")) {
      assertTrue(plot.querySelector("canvas") != null);
    }
    byte[] pdf = page.pdf(new Page.PdfOptions().setFormat("A4"));
    assertTrue(pdf.length > 10_000, String.format(Locale.ROOT, "%d bytes", pdf.length));
  }

  @Test
  void noPageIsWiderThanALaptop() {
    Number width = (Number) page.evaluate("document.documentElement.scrollWidth");
    assertTrue(width.intValue() <= 1280, width.toString());
  }
}
