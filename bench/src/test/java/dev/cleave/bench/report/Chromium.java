package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.options.ColorScheme;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A browser without a window that looks at reports. What a page complains of fails the test. */
final class Chromium implements AutoCloseable {
  private static final String PROGRAM = "chromium";
  private static final List<String> ARGUMENTS =
      List.of(
          "--no-sandbox",
          "--disable-gpu",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          "--no-first-run");

  private final Playwright playwright;
  private final Browser browser;
  private final List<String> complaints = new ArrayList<>();

  private Chromium(Path program) {
    playwright =
        Playwright.create(
            new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
    browser =
        playwright
            .chromium()
            .launch(new BrowserType.LaunchOptions().setExecutablePath(program).setArgs(ARGUMENTS));
  }

  /** Starts one. Without Chromium the test is skipped; on continuous integration it fails. */
  static Chromium startOrSkip() {
    Optional<Path> program =
        Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
            .map(directory -> Path.of(directory, PROGRAM))
            .filter(Files::isExecutable)
            .findFirst();
    String missing = PROGRAM + " is not installed (Debian: chromium); reports are not tested";
    if ("true".equals(System.getenv("CI")) && program.isEmpty()) {
      throw new AssertionError(missing);
    }
    assumeTrue(program.isPresent(), missing);
    return new Chromium(program.get());
  }

  /** Opens a report as a laptop shows it, and waits until it is drawn. */
  Page open(Path report) {
    BrowserContext context =
        browser.newContext(
            new Browser.NewContextOptions()
                .setViewportSize(1280, 800)
                .setColorScheme(ColorScheme.LIGHT)
                .setPermissions(List.of("clipboard-read", "clipboard-write")));
    Page page = context.newPage();
    page.onConsoleMessage(message -> {
      if (!message.text().contains("willReadFrequently")) { // said of what the tests do
        complaints.add(message.type() + ": " + message.text());
      }
    });
    page.onPageError(complaints::add);
    page.onRequest(request -> {
      if (!request.url().equals(report.toUri().toString())) {
        complaints.add("asked for " + request.url());
      }
    });
    page.navigate(report.toUri().toString());
    page.waitForSelector("html[data-ready]");
    return page;
  }

  /** What a button that copies has copied. */
  static String copied(Page page, String button) {
    page.locator(button).click();
    page.waitForSelector("button:text-is('Copied')");
    return (String) page.evaluate("navigator.clipboard.readText()");
  }

  @Override
  public void close() {
    browser.close();
    playwright.close();
    assertEquals(List.of(), complaints);
  }
}
