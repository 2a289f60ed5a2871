package dev.cleave.bench.provenance;

import dev.cleave.engine.kernel.Kernels;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** What was measured on. */
public final class Machine {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");
  private static final Path MEMORY_INFO = Path.of("/proc/meminfo");
  private static final Pattern SPACE = Pattern.compile("\\s+");
  private static final String UNKNOWN = "unknown";

  private Machine() {}

  /**
   * Without this a number is worth nothing.
   *
   * @return by name: {@code processor} (the model), {@code processors}, {@code flags} of the
   *     processor as the system names them, {@code memoryBytes} of the machine (0 if not known),
   *     {@code os}, {@code kernel} (the system's release), {@code jdk}, {@code jvmFlags}, and
   *     {@code kernels} that this JVM chose, with {@code kernelsReason}
   */
  public static Map<String, Object> describe() {
    Map<String, Object> machine = new LinkedHashMap<>();
    machine.put("processor", field(CPU_INFO, "model name").orElse(UNKNOWN));
    machine.put("processors", Runtime.getRuntime().availableProcessors());
    machine.put(
        "flags",
        field(CPU_INFO, "flags").map(text -> SPACE.splitAsStream(text).toList()).orElse(List.of()));
    machine.put("memoryBytes", field(MEMORY_INFO, "MemTotal").map(Machine::kib).orElse(0L));
    machine.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    machine.put("kernel", System.getProperty("os.version"));
    machine.put("jdk", System.getProperty("java.vendor.version") + ", " + Runtime.version());
    machine.put("jvmFlags", ManagementFactory.getRuntimeMXBean().getInputArguments());
    machine.put("kernels", Kernels.chosen().toString());
    machine.put("kernelsReason", Kernels.reason());
    return machine;
  }

  /** "16384 kB" in bytes. */
  private static long kib(String text) {
    return Long.parseLong(text.substring(0, text.indexOf(' '))) << 10;
  }

  private static Optional<String> field(Path file, String name) {
    try (Stream<String> lines = Files.lines(file)) {
      return lines
          .filter(line -> line.startsWith(name))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst();
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
