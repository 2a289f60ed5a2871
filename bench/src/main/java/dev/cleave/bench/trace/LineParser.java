package dev.cleave.bench.trace;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tells the kinds of line apart. What a line means may depend on earlier ones, so each log has a
 * parser of its own. Whatever the bytes are, parsing ends with a {@link Parsed}.
 *
 * <p>For one thread.
 */
final class LineParser {
  private final Map<String, BodyReader> readers = new HashMap<>();

  private LogLine latest = new LogLine(0, "", "", 0, "", "", LogLine.Kind.OTHER);

  /** A parser of a log that has not begun. */
  LineParser() {
    readers.putAll(IommufdLines.READERS);
    readers.putAll(ListenerLines.READERS);
    readers.putAll(QemuStateLines.READERS);
    readers.putAll(new RamBlockLines().readers);
    readers.putAll(KvmTracepoints.READERS);
    readers.putAll(CloudHypervisorLines.READERS);
  }

  /**
   * What one line says.
   *
   * @param number of the line
   * @param text the line without its end
   */
  Parsed parse(long number, String text) {
    if (isBlankOrComment(text)) {
      latest = new LogLine(number, text, "", 0, "", "", LogLine.Kind.BLANK);
      Parsed lost = Trouble.ofComment(text);
      return lost == null ? new Parsed.Blank() : lost;
    }
    latest = Prefixes.split(number, text);
    try {
      // Tracepoints first: a log's prefix may look like anything, an op word included.
      @Nullable Parsed parsed = event(latest);
      if (parsed == null) {
        parsed = OpLines.parse(number, text);
      }
      if (parsed == null) {
        parsed = Trouble.of(text);
      }
      return parsed == null ? new Parsed.Unknown(latest.event()) : parsed;
    } catch (MalformedLineException e) {
      return new Parsed.Malformed(e.problem());
    }
  }

  /** The line that was parsed last, taken apart. */
  LogLine latest() {
    return latest;
  }

  private @Nullable Parsed event(LogLine line) throws MalformedLineException {
    @Nullable BodyReader reader = readers.get(line.event());
    if (reader != null) {
      return reader.read(line);
    }
    @Nullable LogLine tracepoint = IommuTracepoints.find(line);
    if (tracepoint != null) {
      return IommuTracepoints.read(tracepoint);
    }
    // A tracepoint's name is certain. Other prefixes come in more forms than anyone can list.
    return line.isTracepoint() ? null : mentioned(line);
  }

  /** What a line says that has an event's name somewhere; the last one, if there are several. */
  private @Nullable Parsed mentioned(LogLine line) throws MalformedLineException {
    int end = line.text().length();
    for (int at = end; at > 0; ) {
      // names are of letters and underscores: look at whole words, from the right
      int stop = at;
      while (stop > 0 && !isWordPart(line.text().charAt(stop - 1))) {
        stop--;
      }
      int start = stop;
      while (start > 0 && isWordPart(line.text().charAt(start - 1))) {
        start--;
      }
      @Nullable BodyReader reader = readers.get(line.text().substring(start, stop));
      if (reader != null) {
        return reader.read(
            line.at(line.text().substring(start, stop), skipColon(line.text(), stop)));
      }
      at = start;
    }
    return null;
  }

  private static int skipColon(String text, int at) {
    return at < text.length() && text.charAt(at) == ':' ? at + 1 : at;
  }

  private static boolean isWordPart(char c) {
    return c == '_' || (c < 0x80 && Character.isLetterOrDigit(c));
  }

  private static boolean isBlankOrComment(String text) {
    int i = 0;
    while (i < text.length() && Fields.isBlank(text.charAt(i))) {
      i++;
    }
    return i == text.length() || text.charAt(i) == '#';
  }
}
