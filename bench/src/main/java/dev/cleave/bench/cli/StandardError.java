package dev.cleave.bench.cli;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;

/**
 * Standard error as the launcher hands it over: set aside under another descriptor, so that what
 * Java itself says before {@code main} does not mix with the one line that is promised.
 */
final class StandardError {
  private static final String PROPERTY = "cleave.stderr";
  private static final int STDERR = 2;

  private StandardError() {}

  /** Puts standard error back in its place; without the launcher it never left. */
  @SuppressWarnings({"restricted", "CatchingUnchecked"}) // dup2 of our own descriptors
  static void restore() {
    Integer descriptor = Integer.getInteger(PROPERTY);
    if (descriptor == null) {
      return;
    }
    Linker linker = Linker.nativeLinker();
    var dup2 =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("dup2"),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
    try {
      int _ = (int) dup2.invokeExact((int) descriptor, STDERR);
    } catch (Throwable e) {
      throw new LinkageError("standard error could not be restored", e);
    }
  }
}
