package dev.cleave.bench.io;

/**
 * The command was used well and its input is good, yet the work could not be done: it ends with
 * exit code 1 and this message.
 */
public final class WorkFailed extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * A failure.
   *
   * @param message what could not be done, one line
   */
  public WorkFailed(String message) {
    super(message);
  }
}
