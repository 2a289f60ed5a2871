package dev.cleave.bench.io;

import java.io.PrintWriter;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * How far long work has come: one line on standard error that is written over, when a person is
 * watching at a terminal, and nothing otherwise. It says what is done, how fast, and how long the
 * rest will take.
 *
 * <p>Not thread-safe.
 */
public final class Progress {
  private static final long INTERVAL_NANOS = 250_000_000;
  private static final double NANOS_PER_SECOND = 1e9;
  private static final int SECONDS_PER_MINUTE = 60;

  private final PrintWriter err;
  private final boolean shown;
  private final LongSupplier nanos;
  private String current = "";
  private long start;
  private long next;
  private int width;

  /**
   * Progress with everything chosen.
   *
   * @param err standard error
   * @param shown whether anything is written at all
   * @param nanos the clock
   */
  Progress(PrintWriter err, boolean shown, LongSupplier nanos) {
    this.err = err;
    this.shown = shown;
    this.nanos = nanos;
    this.start = nanos.getAsLong();
    this.next = start + INTERVAL_NANOS;
  }

  /**
   * Progress of work that begins now; work that is quick is never mentioned.
   *
   * @param err standard error
   * @param isQuiet whether to be silent even at a terminal
   * @return progress
   */
  public static Progress on(PrintWriter err, boolean isQuiet) {
    // Only the launcher can ask about standard error alone.
    boolean terminal = Boolean.getBoolean("cleave.terminal");
    return new Progress(err, terminal && !isQuiet, System::nanoTime);
  }

  /**
   * Says how far work of unknown length is, a few times a second at most.
   *
   * @param what what is counted
   * @param done how many of it
   */
  public void at(String what, long done) {
    at(what, done, 0);
  }

  /**
   * Says how far the work is, a few times a second at most.
   *
   * @param what what is counted; when that changes, the rate starts anew
   * @param done how many of it
   * @param all how many there are, or 0 if nobody knows
   */
  public void at(String what, long done, long all) {
    if (!shown) {
      return;
    }
    long now = nanos.getAsLong();
    if (!what.equals(current)) {
      current = what;
      start = now;
    }
    if (now - next < 0) {
      return;
    }
    next = now + INTERVAL_NANOS;
    String text = text(what, done, all, (now - start) / NANOS_PER_SECOND);
    width = Math.max(width, text.length());
    write(text + " ".repeat(width - text.length()));
  }

  private static String text(String what, long done, long all, double seconds) {
    StringBuilder text = new StringBuilder(what).append(": ").append(done);
    if (all > 0) {
      text.append(" of ").append(all).append(" (").append(100 * done / all).append("%)");
    }
    if (seconds > 0 && done > 0) {
      double rate = done / seconds;
      text.append(String.format(Locale.ROOT, rate < 10 ? ", %.1f/s" : ", %.0f/s", rate));
      if (all > done) {
        text.append(", ").append(time((all - done) / rate)).append(" left");
      }
    }
    return text.toString();
  }

  private static String time(double seconds) {
    long whole = Math.max(1, Math.round(seconds));
    return whole < SECONDS_PER_MINUTE
        ? whole + "s"
        : whole / SECONDS_PER_MINUTE + "m" + whole % SECONDS_PER_MINUTE + "s";
  }

  /** Removes the line, before anything else is written. */
  public void clear() {
    if (width > 0) {
      write(" ".repeat(width));
      write("");
      width = 0;
    }
  }

  private void write(String text) {
    err.print('\r' + text);
    err.flush();
  }
}
