package dev.cleave.bench.io;

/** The beginning of a line, fit to be printed on a terminal whatever the line held. */
public final class Excerpt {
  private static final int LENGTH = 60;

  private Excerpt() {}

  /** At most 60 characters of the text, all of them printable ASCII. */
  public static String of(String text) {
    String begin = text.substring(0, Math.min(text.length(), LENGTH));
    return text.length() > LENGTH ? printable(begin) + "..." : printable(begin);
  }

  /** All of the text, what is no printable ASCII replaced. */
  public static String printable(String text) {
    StringBuilder shown = new StringBuilder(text.length() + 3);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i) == '\t' ? ' ' : text.charAt(i);
      shown.append(c >= ' ' && c < 0x7f ? c : '?');
    }
    return shown.toString();
  }
}
