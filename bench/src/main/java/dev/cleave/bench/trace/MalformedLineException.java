package dev.cleave.bench.trace;

/** Ends the reading of one line; never leaves the package, so it carries no stack trace. */
final class MalformedLineException extends Exception {
  private static final long serialVersionUID = 1;

  MalformedLineException(String problem) {
    super(problem, null, false, false);
  }

  /** The problem, in the words for people. */
  String problem() {
    return String.valueOf(getMessage());
  }
}
