package dev.cleave.bench.report;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import dev.cleave.bench.io.Outputs;
import dev.cleave.bench.provenance.Provenance;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.jspecify.annotations.Nullable;

/**
 * A page that shows what was measured. Written, it is one HTML file that needs nothing else: the
 * charts' library, the page's own script and style, and the data are inside.
 *
 * @param title what the page is called
 * @param question what it answers
 * @param sentences what the figures say, in words
 * @param summary the figures
 * @param details further figures, below them; null for none
 * @param input what was measured, by name
 * @param provenance where it comes from, so that it can be made again
 * @param map guest memory over time, if it was noted
 * @param sections the charts
 */
public record Report(
    String title,
    String question,
    List<String> sentences,
    Comparison summary,
    @Nullable Comparison details,
    Map<String, ?> input,
    Provenance provenance,
    @Nullable MemoryMap map,
    List<Section> sections) {
  private static final String CHARTS_POM = "/META-INF/maven/org.webjars/echarts/pom.properties";

  /** Escapes whatever HTML could take for its own. */
  private static final Gson JSON = new GsonBuilder().serializeNulls().create();

  /** A page without further figures. */
  Report(
      String title,
      String question,
      List<String> sentences,
      Comparison summary,
      Map<String, ?> input,
      Provenance provenance,
      @Nullable MemoryMap map,
      List<Section> sections) {
    this(title, question, sentences, summary, null, input, provenance, map, sections);
  }

  /**
   * Charts under one heading.
   *
   * @param text what they are about
   */
  record Section(String title, String text, List<Chart> charts) {}

  /**
   * Writes the page.
   *
   * @param file a path; what was there is replaced
   * @throws IOException if that fails
   */
  public void write(String file) throws IOException {
    Map<String, String> parts =
        Map.of(
            "style", resource("report.css"),
            "charts", charts(),
            "script", resource("map.js") + resource("report.js"),
            "data", JSON.toJson(this));
    String[] page = resource("report.html").split("\\{\\{|}}", -1);
    try (Writer out = Outputs.open(file)) {
      for (int i = 0; i < page.length; i++) {
        out.write(i % 2 == 0 ? page[i] : parts.get(page[i]));
      }
    }
  }

  /**
   * Writes each chart as SVG pictures, one for each variant: {@code ID.svg}, or {@code ID-1.svg}
   * and so on where a chart has several.
   *
   * @param directory a path, made if it is not there, or null to write nothing
   * @throws IOException if that fails
   */
  public void writeCharts(@Nullable String directory) throws IOException {
    if (directory == null) {
      return;
    }
    Path to = Files.createDirectories(Path.of(directory));
    for (Section section : sections) {
      for (Chart chart : section.charts()) {
        for (int i = 0; i < chart.variants().size(); i++) {
          String number = chart.variants().size() > 1 ? "-" + (i + 1) : "";
          String picture = SvgChart.of(chart, chart.variants().get(i));
          Files.writeString(to.resolve(chart.id() + number + ".svg"), picture);
        }
      }
    }
  }

  private static String charts() throws IOException {
    Properties pom = new Properties();
    try (InputStream in = Report.class.getResourceAsStream(CHARTS_POM)) {
      pom.load(in);
    }
    return resource(
        "/META-INF/resources/webjars/echarts/%s/echarts.min.js"
            .formatted(pom.getProperty("version")));
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = Report.class.getResourceAsStream(name)) {
      if (in == null) {
        throw new IOException("a part of the page is missing: " + name);
      }
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
