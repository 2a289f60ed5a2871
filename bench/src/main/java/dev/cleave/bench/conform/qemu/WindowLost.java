package dev.cleave.bench.conform.qemu;

/** A device could not reach its own rings: the table that it works through does not map them. */
public final class WindowLost extends RuntimeException {
  private static final long serialVersionUID = 1;

  WindowLost(String message) {
    super(message);
  }
}
