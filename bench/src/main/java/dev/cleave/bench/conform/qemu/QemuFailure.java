package dev.cleave.bench.conform.qemu;

/** QEMU could not be started, ended by itself, or did not answer as it must. */
public final class QemuFailure extends RuntimeException {
  private static final long serialVersionUID = 1;

  /**
   * A failure.
   *
   * @param message what happened, one line
   */
  public QemuFailure(String message) {
    super(message);
  }

  /**
   * A failure with a cause.
   *
   * @param message what happened, one line
   * @param cause why
   */
  public QemuFailure(String message, Throwable cause) {
    super(message, cause);
  }
}
