package dev.cleave.bench.ioas;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.ioas.IovaRange;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A numbered line of a log: {@code N OP key=value... -> RESULT key=value...}.
 *
 * @param file the log
 * @param line where in it
 * @param text all of the line
 * @param operation what was asked for
 * @param fields what was said with it
 * @param words what was said that is neither a field nor a range, in order
 * @param ranges ranges, in order
 * @param result what the kernel answered, null where nothing is
 */
record LogLine(
    String file,
    long line,
    String text,
    String operation,
    Map<String, String> fields,
    List<String> words,
    List<IovaRange> ranges,
    @Nullable String result) {
  private static final String ARROW = " ->";

  /** Reads a line that begins with a number. */
  static LogLine of(String file, long line, String text) {
    int arrow = text.indexOf(ARROW);
    String call = arrow < 0 ? text : text.substring(0, arrow);
    String result = arrow < 0 ? null : text.substring(arrow + ARROW.length()).strip();
    String[] parts = call.strip().split(" +", -1);
    if (parts.length < 2) {
      throw BadInput.at(file, line, "an operation is missing, expected: N OP key=value...");
    }
    Map<String, String> fields = new HashMap<>();
    List<String> words = new ArrayList<>();
    List<String> ranges = new ArrayList<>();
    for (int i = 2; i < parts.length; i++) {
      int equals = parts[i].indexOf('=');
      if (parts[i].startsWith("[")) {
        ranges.add(parts[i]);
      } else if (equals > 0) {
        fields.put(parts[i].substring(0, equals), parts[i].substring(equals + 1));
      } else {
        words.add(parts[i]);
      }
    }
    return new LogLine(
        file,
        line,
        text,
        parts[1],
        fields,
        words,
        ranges.stream().map(range -> range(file, line, range)).toList(),
        result);
  }

  private static IovaRange range(String file, long line, String text) {
    int comma = text.indexOf(',');
    if (comma < 0 || !text.endsWith("]")) {
      throw BadInput.at(file, line, "a range must be [FIRST,LAST], found " + text);
    }
    long first = number(file, line, text.substring(1, comma));
    long last = number(file, line, text.substring(comma + 1, text.length() - 1));
    // One that ends before it begins is the kernel's to refuse: it is read as its first byte.
    return new IovaRange(first, Long.compareUnsigned(first, last) > 0 ? first : last);
  }

  private static long number(String file, long line, String text) {
    try {
      return Numbers.parse(text);
    } catch (NumberFormatException e) {
      throw BadInput.at(file, line, String.valueOf(e.getMessage()));
    }
  }

  BadInput bad(String wrong) {
    return BadInput.at(file, line, wrong);
  }

  String field(String key) {
    String value = fields.get(key);
    if (value == null) {
      throw bad(operation + " must have " + key + "=");
    }
    return value;
  }

  long number(String key) {
    return number(file, line, field(key));
  }

  int id(String key) {
    long value = number(key);
    return value < 0 || value > Integer.MAX_VALUE ? Integer.MAX_VALUE : (int) value;
  }

  String word(int index) {
    return index < words.size() ? words.get(index) : "";
  }
}
