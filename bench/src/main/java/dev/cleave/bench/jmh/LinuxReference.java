package dev.cleave.bench.jmh;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * Times of Linux's generic page table, in C, measured once on another machine: {@code
 * linux-reference.txt}, which says how. What is bound by the core is scaled by {@link Calibration};
 * what lives in memory by the fill of the same bytes, the rival of such pairs.
 */
final class LinuxReference {
  private static final String FILE = "linux-reference.txt";
  private static final Map<String, Row> ROWS = read();

  private LinuxReference() {}

  /** What a time is a multiple of. */
  private enum Scale {
    CALIBRATION,
    FILL
  }

  /**
   * A time on the reference machine.
   *
   * @param ns the time of one
   * @param scale what it goes with
   * @param scaleNs how long that took there
   */
  private record Row(double ns, Scale scale, double scaleNs) {}

  private static Map<String, Row> read() {
    Map<String, Row> rows = new HashMap<>();
    try (BufferedReader lines =
        new BufferedReader(
            new InputStreamReader(
                LinuxReference.class.getResourceAsStream(FILE), StandardCharsets.UTF_8))) {
      lines
          .lines()
          .filter(line -> !line.startsWith("#"))
          .skip(1)
          .map(line -> line.split("\\|", -1))
          .forEach(fields -> rows.put(fields[0], row(fields)));
      return rows;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Row row(String[] fields) {
    Scale scale = Scale.valueOf(fields[2].toUpperCase(Locale.ROOT));
    return new Row(Double.parseDouble(fields[1]), scale, Double.parseDouble(fields[3]));
  }

  /** Works that have a time. */
  static Set<String> works() {
    return ROWS.keySet();
  }

  /**
   * What C would take here.
   *
   * @param work as a pair has it
   * @param calibration nanoseconds of {@link Calibration} here
   * @param againstNs time of the pair's rival here
   * @return nothing where the C code has no such operation
   */
  static OptionalDouble nanos(String work, double calibration, double againstNs) {
    Row row = ROWS.get(work);
    if (row == null) {
      return OptionalDouble.empty();
    }
    double here =
        switch (row.scale()) {
          case CALIBRATION -> calibration;
          case FILL -> againstNs;
        };
    return OptionalDouble.of(row.ns() * here / row.scaleNs());
  }
}
