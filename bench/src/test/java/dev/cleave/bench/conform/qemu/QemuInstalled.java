package dev.cleave.bench.conform.qemu;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Whether tests that need QEMU can run here. */
public final class QemuInstalled {
  private QemuInstalled() {}

  /** Skips the test, with a message that says what to install, when there is no QEMU. */
  public static void orSkip() {
    String program = QemuOptions.DEFAULT_PROGRAM;
    boolean isThere =
        Arrays.stream(System.getenv("PATH").split(File.pathSeparator))
            .anyMatch(directory -> Files.isExecutable(Path.of(directory, program)));
    assumeTrue(isThere, program + " is not installed (Debian: qemu-system-x86); not tested");
  }
}
