package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.microsoft.playwright.ElementHandle;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.ColorScheme;
import com.microsoft.playwright.options.Media;
import dev.cleave.bench.cli.Cleave;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page of a replay with policies and devices of every kind, in a browser. */
@Tag("slow")
class DevicesReportTest {
  private static final String POLICIES =
      "follow,follow-lazy,all-4k,remap,shared-only-4k,shared-only,static";
  private static final String TRACE =
      """
      map 0x0 0x0 0x8000000 rw
      share 0x200000 0x3000
      share 0x400000 0x400000
      unshare 0x201000 0x1000
      unshare 0x400000 0x100000
      share 0x1000000 0x5000
      """;

  @TempDir static Path directory;

  private static Chromium chromium;
  private static JsonArray policies;
  private static Path report;
  private Page page;

  @BeforeAll
  static void replay() throws Exception {
    chromium = Chromium.startOrSkip();
    Path trace = Files.writeString(directory.resolve("small.trace"), TRACE);
    report = directory.resolve("report.html");
    Path json = directory.resolve("report.json");
    Cleave.Result result =
        Cleave.run(
            "replay",
            trace,
            "--policy",
            POLICIES,
            "--devices",
            "mixed",
            "--dma",
            6000,
            "--order",
            "table-first",
            "--report",
            report,
            "--json",
            json);
    assertEquals(0, result.code(), result.err());
    policies =
        JsonParser.parseString(Files.readString(json)).getAsJsonObject().getAsJsonArray("policies");
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

  private static JsonObject devices(String name) {
    for (JsonElement policy : policies) {
      for (JsonElement one : policy.getAsJsonObject().getAsJsonArray("devices")) {
        JsonObject devices = one.getAsJsonObject();
        String who =
            policy.getAsJsonObject().get("policy").getAsString()
                + ", "
                + devices.get("kind").getAsString();
        if (name.equals(who) || name.startsWith(who + " ")) {
          return devices;
        }
      }
    }
    throw new AssertionError(name);
  }

  @Test
  void everyKindUnderEveryPolicyHasItsRow() {
    List<ElementHandle> rows = page.querySelectorAll("#details tbody tr");
    assertEquals(7 * 4, rows.size());
    for (ElementHandle row : rows) {
      String name = row.getAttribute("data-name");
      JsonObject devices = devices(name);
      boolean isServed = !name.contains("pages it gets");
      assertEquals(isServed, isServed(devices), name);
      for (ElementHandle cell : row.querySelectorAll("td")) {
        String key = cell.getAttribute("data-key").replace("dma.", "");
        String shown = cell.getAttribute("data-value");
        switch (key) {
          case "accesses",
              "windowAccesses",
              "rmpFaults",
              "translationFaults",
              "lost",
              "forbidden",
              "beside",
              "tableBytesEnd" ->
              assertEquals(
                  devices.get(key).getAsDouble(), Double.parseDouble(shown), name + " " + key);
          default -> {}
        }
      }
    }
  }

  private static boolean isServed(JsonObject devices) {
    String pages = devices.get("pages").getAsString();
    return switch (devices.get("kind").getAsString()) {
      case "untrusted" -> pages.equals("shared");
      case "trusted" -> pages.equals("private");
      default -> pages.equals("both");
    };
  }

  @Test
  void theFindingsNameAPolicyForEachKindAndThoseOutOfTheQuestion() {
    List<String> sentences = page.locator("#findings li").allTextContents();
    assertEquals(6, sentences.size(), sentences::toString);
    String untrusted = sentences.get(2);
    assertTrue(untrusted.startsWith("For untrusted devices choose "), untrusted);
    for (String kind : List.of("trusted", "vtom", "guest-table")) {
      String sentence =
          sentences.stream()
              .filter(s -> s.contains(" " + kind + " devices"))
              .findFirst()
              .orElse("");
      assertTrue(
          sentence.contains("Out of the question are shared-only-4k, shared-only and static"),
          sentence);
    }
    assertTrue(sentences.get(3).contains("which give them no page"), sentences.get(3));
    assertTrue(sentences.get(4).contains("which give them shared pages alone"), sentences.get(4));
  }

  @Test
  void theNewChartsAreDrawn() {
    for (String id :
        List.of(
            "mapped-bytes",
            "pinned-bytes",
            "backing-bytes",
            "memory-by-policy",
            "kind-hits",
            "kind-refused",
            "kind-table-bytes")) {
      Locator chart = page.locator("#chart-" + id);
      chart.scrollIntoViewIfNeeded();
      Number inked =
          (Number)
              chart
                  .locator("canvas")
                  .first()
                  .evaluate(
                      "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width,"
                          + " canvas.height).data.filter((value, i) => i % 4 === 3 && value >"
                          + " 0).length");
      assertTrue(inked.intValue() > 500, id);
    }
  }

  @Test
  void noTableMakesThePageWiderThanItsWindowInLightInDarkAndInPrint() {
    for (ColorScheme scheme : List.of(ColorScheme.LIGHT, ColorScheme.DARK)) {
      page.emulateMedia(new Page.EmulateMediaOptions().setColorScheme(scheme));
      assertTrue(isNarrow(), scheme.toString());
    }
    page.emulateMedia(new Page.EmulateMediaOptions().setMedia(Media.PRINT));
    page.waitForSelector("html.printing");
    assertTrue(isNarrow(), "print");
  }

  private boolean isNarrow() {
    return (Boolean)
        page.evaluate(
            "document.documentElement.scrollWidth <= document.documentElement.clientWidth");
  }
}
