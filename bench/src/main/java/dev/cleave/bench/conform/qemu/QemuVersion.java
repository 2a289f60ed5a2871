package dev.cleave.bench.conform.qemu;

import dev.cleave.bench.io.BadInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Which QEMU it is.
 *
 * @param text its own words
 * @param major first part of the version
 * @param minor second part
 */
public record QemuVersion(String text, int major, int minor) {
  private static final Pattern VERSION =
      Pattern.compile("QEMU emulator version (\\d+)\\.(\\d+)[^\\n]*");

  /**
   * Asks a program.
   *
   * @param program a path or a name to be found on the PATH
   * @return its version
   * @throws BadInput if there is no such program, or it is no QEMU
   */
  public static QemuVersion of(String program) {
    try {
      Process process = new ProcessBuilder(program, "--version").redirectErrorStream(true).start();
      process.getOutputStream().close();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return parse(program, said);
    } catch (IOException _) {
      throw BadInput.in(
          program, "cannot be run, expected a QEMU for x86-64 (Debian: qemu-system-x86)");
    }
  }

  /** Reads what {@code --version} prints. */
  static QemuVersion parse(String program, String said) {
    Matcher matcher = VERSION.matcher(said);
    if (!matcher.lookingAt()) {
      throw BadInput.in(program, "does not say that it is QEMU");
    }
    return new QemuVersion(
        matcher.group(), Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
  }

  /** What the IOMMU of this version must be told so that it translates. */
  String iommuOptions() {
    String options = major >= 10 ? ",pt=off" : "";
    boolean remapsOnlyIfTold = major > 11 || (major == 11 && minor >= 1);
    return remapsOnlyIfTold ? options + ",dma-remap=on" : options;
  }
}
