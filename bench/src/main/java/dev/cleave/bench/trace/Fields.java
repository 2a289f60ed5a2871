package dev.cleave.bench.trace;

import dev.cleave.bench.io.Numbers;

/** A position in a line that moves from field to field; fields are separated by blanks or tabs. */
final class Fields {
  private final String text;
  private final String form;
  private int position;

  /**
   * Starts at a position of the line.
   *
   * @param form what the line should look like, for messages
   */
  Fields(String text, int position, String form) {
    this.text = text;
    this.position = position;
    this.form = form;
  }

  /** The next field. */
  String next() throws MalformedLineException {
    skipBlanks();
    int start = position;
    while (position < text.length() && !isBlank(text.charAt(position))) {
      position++;
    }
    if (start == position) {
      throw malformed("the line ends too early");
    }
    return text.substring(start, position);
  }

  /** The next field, which is a number. */
  long number() throws MalformedLineException {
    return parse(next());
  }

  private long parse(String field) throws MalformedLineException {
    try {
      return Numbers.parse(field);
    } catch (IllegalArgumentException e) {
      throw malformed(e.getMessage());
    }
  }

  /** Passes over the field if it comes next. */
  boolean skipIf(String field) {
    skipBlanks();
    int end = position + field.length();
    boolean isThere =
        text.startsWith(field, position) && (end == text.length() || isBlank(text.charAt(end)));
    if (isThere) {
      position = end;
    }
    return isThere;
  }

  /** Makes sure that nothing is left. */
  void end() throws MalformedLineException {
    skipBlanks();
    if (position < text.length()) {
      throw malformed("the line goes on");
    }
  }

  /** The exception for a problem, which names the form that was expected. */
  MalformedLineException malformed(String problem) {
    return new MalformedLineException(problem + "; expected: " + form);
  }

  static boolean isBlank(char c) {
    return c == ' ' || c == '\t';
  }

  private void skipBlanks() {
    while (position < text.length() && isBlank(text.charAt(position))) {
      position++;
    }
  }
}
