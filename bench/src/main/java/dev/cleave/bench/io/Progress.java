package dev.cleave.bench.io;

import java.io.PrintWriter;
import java.util.function.LongSupplier;

/**
 * How far long work has come: one line on standard error that is written over, when a person is
 * watching at a terminal, and nothing otherwise.
 *
 * <p>Not thread-safe.
 */
public final class Progress {
  private static final long INTERVAL_NANOS = 250_000_000;

  private final PrintWriter err;
  private final boolean shown;
  private final LongSupplier nanos;
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
    this.next = nanos.getAsLong() + INTERVAL_NANOS;
  }

  /**
   * Progress of work that begins now; work that is quick is never mentioned.
   *
   * @param err standard error
   * @return progress, shown only at a terminal
   */
  @SuppressWarnings("SystemConsoleNull") // off a terminal JDK 25's default console is null
  public static Progress on(PrintWriter err) {
    // Only the launcher can ask about standard error alone.
    boolean terminal = Boolean.getBoolean("cleave.terminal");
    return new Progress(err, terminal, System::nanoTime);
  }

  /**
   * Says how far the work is, a few times a second at most.
   *
   * @param what what is counted
   * @param done how many of it
   */
  public void at(String what, long done) {
    if (!shown || nanos.getAsLong() - next < 0) {
      return;
    }
    next = nanos.getAsLong() + INTERVAL_NANOS;
    String text = what + ": " + done;
    write(text + " ".repeat(Math.max(0, width - text.length())));
    width = text.length();
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
