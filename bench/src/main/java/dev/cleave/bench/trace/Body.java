package dev.cleave.bench.trace;

import dev.cleave.bench.io.Numbers;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What an event says, read by key and not by place: {@code key=value}, or {@code key value}. Commas
 * and quotes around a value do not count. A key that stands twice is as bad as one that is missing.
 *
 * <p>For one thread.
 */
final class Body {
  private static final int HEX = 16;

  private final List<String> words = new ArrayList<>();
  private final String form;

  /**
   * Takes a body apart.
   *
   * @param text of the line
   * @param start where the body begins
   * @param form what it should look like, for messages
   */
  Body(String text, int start, String form) {
    this.form = form;
    for (int at = start; at < text.length(); ) {
      int end = at;
      while (end < text.length() && !Fields.isBlank(text.charAt(end))) {
        end++;
      }
      if (end > at) {
        words.add(text.substring(at, end));
      }
      at = end + 1;
    }
  }

  /** Words of the body. */
  int size() {
    return words.size();
  }

  /** One of the words. */
  String word(int index) throws MalformedLineException {
    if (index < 0 || index >= words.size()) {
      throw malformed("the line ends too early");
    }
    return words.get(index);
  }

  /** The last word. */
  String last() throws MalformedLineException {
    return word(words.size() - 1);
  }

  /** Whether a key is there. */
  boolean has(String key) {
    return words.stream().anyMatch(word -> isKey(word, key));
  }

  /** The value of the one of some keys that is there. */
  String value(String... keys) throws MalformedLineException {
    @Nullable String found = null;
    for (int i = 0; i < words.size(); i++) {
      for (String key : keys) {
        if (isKey(words.get(i), key)) {
          if (found != null) {
            throw malformed(key + " stands twice");
          }
          found = valueAt(i, key);
        }
      }
    }
    if (found == null) {
      throw malformed("no " + keys[0] + "=");
    }
    return found;
  }

  /** The number that belongs to a key: decimal, or hexadecimal after 0x. */
  long number(String... keys) throws MalformedLineException {
    return parse(value(keys));
  }

  /** A word as a number: decimal, or hexadecimal after 0x. */
  long parse(String word) throws MalformedLineException {
    try {
      return Numbers.parse(word);
    } catch (NumberFormatException e) {
      throw malformed(e.getMessage());
    }
  }

  /** The number that belongs to a key, hexadecimal with or without 0x. */
  long hex(String key) throws MalformedLineException {
    String word = value(key);
    String digits = word.startsWith("0x") ? word.substring(2) : word;
    try {
      return Long.parseUnsignedLong(digits, HEX);
    } catch (NumberFormatException _) {
      throw malformed("not a hexadecimal number: '" + word + "'");
    }
  }

  /** The word after the value of a key and a hyphen; null if there is no hyphen. */
  @Nullable String upTo(String key) throws MalformedLineException {
    for (int i = 0; i < words.size(); i++) {
      if (isKey(words.get(i), key)) {
        int after = words.get(i).length() == key.length() ? i + 2 : i + 1;
        return after < words.size() && words.get(after).equals("-") ? word(after + 1) : null;
      }
    }
    return null;
  }

  /**
   * Whether the call that the line tells of succeeded: it ends with the return code, {@code (0)} or
   * {@code (-22)}; in the form that simpletrace prints it is {@code ret=}.
   */
  boolean succeeded() throws MalformedLineException {
    if (isPrinted()) {
      return number("ret") == 0;
    }
    String code = last();
    boolean isOnly = words.stream().filter(Body::isCode).count() == 1;
    if (!isOnly || !isCode(code)) {
      throw malformed("no return code");
    }
    return code.equals("(0)");
  }

  private static boolean isCode(String word) {
    return word.matches("\\(-?\\d+\\)");
  }

  /** Whether simpletrace printed the line: time passed, the process, then arguments by name. */
  boolean isPrinted() {
    return words.size() > 1 && words.get(1).startsWith("pid=");
  }

  /** Whether a word is a key: {@code key=value}, or the key alone, whose value comes next. */
  private static boolean isKey(String word, String key) {
    return word.startsWith(key)
        && (word.length() == key.length() || word.charAt(key.length()) == '=');
  }

  private String valueAt(int index, String key) throws MalformedLineException {
    String word = words.get(index);
    return bare(word.length() == key.length() ? word(index + 1) : word.substring(key.length() + 1));
  }

  /** A value without the comma after it and the quotes around it. */
  static String bare(String value) {
    String text = value.endsWith(",") ? value.substring(0, value.length() - 1) : value;
    boolean isQuoted = text.length() > 1 && text.startsWith("'") && text.endsWith("'");
    return isQuoted ? text.substring(1, text.length() - 1) : text;
  }

  /** The exception for a problem, which names the form that was expected. */
  MalformedLineException malformed(String problem) {
    return new MalformedLineException(problem + "; expected: " + form);
  }
}
