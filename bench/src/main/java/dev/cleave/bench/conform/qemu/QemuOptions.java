package dev.cleave.bench.conform.qemu;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * How to start QEMU.
 *
 * @param program the emulator, a path or a name to be found on the PATH
 * @param memoryFile where guest memory lies while QEMU runs; null for a file without a name
 */
public record QemuOptions(String program, @Nullable Path memoryFile) {
  /** What is started when nobody says otherwise. */
  public static final String DEFAULT_PROGRAM = "qemu-system-x86_64";

  /**
   * A QEMU without a named memory file.
   *
   * @param program the emulator
   * @return the options
   */
  public static QemuOptions of(String program) {
    return new QemuOptions(program, null);
  }
}
