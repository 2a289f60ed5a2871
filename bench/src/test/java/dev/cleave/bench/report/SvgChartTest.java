package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.cli.Cleave;
import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.report.Chart.Axis;
import dev.cleave.bench.report.Chart.Series;
import dev.cleave.bench.report.Chart.Shape;
import dev.cleave.bench.report.Chart.Style;
import dev.cleave.bench.report.Chart.Variant;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

class SvgChartTest {
  @TempDir private Path directory;

  private static Document parsed(String svg) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(svg.getBytes(StandardCharsets.UTF_8)));
  }

  private static String draw(Shape shape, boolean isLogarithmic, Series... series)
      throws Exception {
    Axis up = new Axis("time", Unit.COUNT, isLogarithmic);
    Axis across = new Axis("event", Unit.COUNT, false);
    Variant lines = new Variant("", null, List.of(0, 5, 10), List.of(series));
    Variant bars = new Variant("", List.of("a & b", "c < d", "e"), null, List.of(series));
    boolean isLine = shape == Shape.LINES || shape == Shape.STEPS;
    Chart chart =
        new Chart("id", "Title", "", shape, across, up, null, List.of(isLine ? lines : bars));
    return SvgChart.of(chart, chart.variants().getFirst());
  }

  private static List<Double> coordinates(String svg) throws Exception {
    Element line = (Element) parsed(svg).getElementsByTagName("polyline").item(0);
    List<Double> all = new ArrayList<>();
    Arrays.stream(line.getAttribute("points").split("[ ,]"))
        .forEach(word -> all.add(Double.parseDouble(word)));
    return all;
  }

  private static Series series(Number... values) {
    return new Series("one", Style.SOLID, Arrays.asList(values));
  }

  @Test
  void aLineGoesUpAsItsValuesDoAndLeavesOutWhatIsMissing() throws Exception {
    List<Double> points = coordinates(draw(Shape.LINES, false, series(0, 50, 100)));
    assertEquals(6, points.size());
    assertEquals((points.get(0) + points.get(4)) / 2, points.get(2), 0.11);
    assertEquals((points.get(1) + points.get(5)) / 2, points.get(3), 0.11);
    assertTrue(points.get(1) > points.get(5), points.toString());
    assertEquals(4, coordinates(draw(Shape.LINES, false, series(0, null, 100))).size());
  }

  @Test
  void aStepStaysUntilTheNextValue() throws Exception {
    List<Double> points = coordinates(draw(Shape.STEPS, false, series(0, 50, 100)));
    assertEquals(10, points.size());
    assertEquals(points.get(1), points.get(3));
    assertEquals(points.get(2), points.get(4));
  }

  @Test
  void aLogarithmicAxisMakesDecadesEquallyLong() throws Exception {
    List<Double> points = coordinates(draw(Shape.LINES, true, series(1, 10, 100)));
    assertEquals((points.get(1) + points.get(5)) / 2, points.get(3), 0.11);
  }

  @Test
  void barsAreAsLongAsTheirValues() throws Exception {
    for (Shape shape : List.of(Shape.BARS, Shape.LYING_BARS)) {
      NodeList rectangles =
          parsed(draw(shape, false, series(25, 50, 100))).getElementsByTagName("rect");
      List<Double> lengths = new ArrayList<>();
      for (int i = 0; i < rectangles.getLength(); i++) {
        Element bar = (Element) rectangles.item(i);
        if (bar.getAttribute("class").equals("bar")) {
          String length = shape == Shape.BARS ? "height" : "width";
          lengths.add(Double.parseDouble(bar.getAttribute(length)));
        }
      }
      assertEquals(3, lengths.size());
      assertEquals(lengths.get(2), 2 * lengths.get(1), 0.3);
      assertEquals(lengths.get(2), 4 * lengths.get(0), 0.5);
    }
  }

  @Test
  void everyCommandWithAReportWritesItsCharts() throws Exception {
    Path trace = Files.writeString(directory.resolve("a.ops"), "map 0 0 4M rw\nshare 0x1000 4K\n");
    for (Object[] command :
        List.of(
            new Object[] {"replay", trace, "--dma", "50"},
            new Object[] {"footprint", "--guest-memory", "2M,4M", "--shared", "0,1%"})) {
      Path charts = directory.resolve("charts of " + command[0]);
      Object[] all = Arrays.copyOf(command, command.length + 2);
      all[command.length] = "--charts";
      all[command.length + 1] = charts;
      Cleave.Result result = Cleave.run(all);
      assertEquals(0, result.code(), result.err());
      List<Path> files;
      try (Stream<Path> list = Files.list(charts)) {
        files = list.toList();
      }
      assertTrue(files.size() >= 2, files.toString());
      for (Path file : files) {
        String svg = Files.readString(file);
        assertFalse(svg.contains("NaN") || svg.contains("Infinity"), file.toString());
        assertEquals("svg", parsed(svg).getDocumentElement().getTagName());
      }
    }
  }
}
