package dev.cleave.bench.io;

/** The beginning of a line, fit to be printed on a terminal whatever the line held. */
public final class Excerpt {
  private static final int LENGTH = 60;

  private Excerpt() {}

  /** At most 60 characters of the text, all of them printable ASCII. */
  public static String of(String text) {
    StringBuilder shown = new StringBuilder(LENGTH + 3);
    for (int i = 0; i < Math.min(text.length(), LENGTH); i++) {
      char c = text.charAt(i);
      if (c == '\t') {
        c = ' ';
      }
      shown.append(c >= ' ' && c < 0x7f ? c : '?');
    }
    return text.length() > LENGTH ? shown.append("...").toString() : shown.toString();
  }
}
