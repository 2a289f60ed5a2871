package dev.cleave.bench.trace;

import java.io.IOException;

/** A trace cannot be read. The message names the file and, once one was begun, the line. */
public final class TraceException extends IOException {
  private static final long serialVersionUID = 1;

  TraceException(String file, String problem, Throwable cause) {
    super(file + ": " + problem, cause);
  }

  TraceException(String file, long line, String problem) {
    super(file + ":" + line + ": " + problem);
  }

  TraceException(String file, long line, String problem, Throwable cause) {
    super(file + ":" + line + ": " + problem, cause);
  }
}
