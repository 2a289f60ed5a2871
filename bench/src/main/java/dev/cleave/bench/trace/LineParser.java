package dev.cleave.bench.trace;

import org.jspecify.annotations.Nullable;

/** Tells the kinds of line apart. */
final class LineParser {
  private LineParser() {}

  /**
   * What one line says.
   *
   * @param line its number
   * @param text the line without its end
   */
  static Parsed parse(long line, String text) {
    if (isBlankOrComment(text)) {
      return new Parsed.Blank();
    }
    try {
      // Tracepoints first: a log's prefix may look like anything, an op word included.
      @Nullable Parsed parsed = QemuLines.parse(line, text);
      if (parsed == null) {
        parsed = FtraceLines.parse(line, text);
      }
      if (parsed == null) {
        parsed = OpLines.parse(line, text);
      }
      return parsed == null ? new Parsed.Unknown() : parsed;
    } catch (MalformedLineException e) {
      return new Parsed.Malformed(e.problem());
    }
  }

  private static boolean isBlankOrComment(String text) {
    int i = 0;
    while (i < text.length() && Fields.isBlank(text.charAt(i))) {
      i++;
    }
    return i == text.length() || text.charAt(i) == '#';
  }
}
