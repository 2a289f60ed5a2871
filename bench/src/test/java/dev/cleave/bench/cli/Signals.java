package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** Signals to processes of their own, and waiting for these, which always has a limit. */
final class Signals {
  /** Far more than any of them takes. */
  static final int MOST_SECONDS = 120;

  private static final Path STATUS = Path.of("/proc/self/status");
  private static final String IGNORED = "SigIgn:";
  private static final int INT = 2;

  /** Starts a program as if this process did not ignore what Ctrl-C sends. */
  private static final List<String> UNIGNORED = List.of("env", "--default-signal=INT");

  private Signals() {}

  /**
   * What has to stand before a command so that SIGINT arrives: a shell starts what runs in its
   * background such that it ignores the signal, and so do all processes below, Java too. Skips the
   * test where nothing helps.
   */
  static List<String> prefix() throws IOException, InterruptedException {
    if (!isInterruptIgnored()) {
      return List.of();
    }
    Process tried =
        new ProcessBuilder("env", UNIGNORED.get(1), "true")
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    assumeTrue(
        awaitEnd(tried) == 0, "SIGINT is ignored here, as in a shell's background; not tested");
    return UNIGNORED;
  }

  private static boolean isInterruptIgnored() throws IOException {
    return Files.isReadable(STATUS) && isIgnored(Files.readAllLines(STATUS), INT);
  }

  /** Whether the lines of a process's status have a signal among those that it ignores. */
  static boolean isIgnored(List<String> status, int signal) {
    return status.stream()
        .filter(line -> line.startsWith(IGNORED))
        .map(line -> Long.parseUnsignedLong(line.substring(IGNORED.length()).strip(), 16))
        .anyMatch(mask -> (mask >>> (signal - 1) & 1) != 0);
  }

  /** Sends a signal by its name. */
  static void send(String signal, Process process) throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid())).start();
    assertTrue(awaitEnd(kill) == 0, "no " + signal + " could be sent");
  }

  /** The exit code of a process that ends soon; one that does not is ended, and the test fails. */
  static int awaitEnd(Process process) throws InterruptedException {
    if (!process.waitFor(MOST_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("it did not end within %d s".formatted(MOST_SECONDS));
    }
    return process.exitValue();
  }

  /** The first line of what a process prints that begins so, or null if it ends before. */
  static String awaitLine(Process process, String beginning) throws IOException {
    Executor later = CompletableFuture.delayedExecutor(MOST_SECONDS, TimeUnit.SECONDS);
    CompletableFuture<Void> limit =
        CompletableFuture.runAsync(process::destroyForcibly, later); // which ends the reading
    try {
      var out = process.inputReader();
      String line = out.readLine();
      while (line != null && !line.startsWith(beginning)) {
        line = out.readLine();
      }
      return line;
    } finally {
      limit.cancel(false);
    }
  }
}
