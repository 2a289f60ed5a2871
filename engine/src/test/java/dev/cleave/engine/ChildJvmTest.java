package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a program gets and reads that was started without our flags. */
class ChildJvmTest {
  @TempDir Path directory;

  /** Maps a page in memory of the default capacity, or of one that is asked for. */
  static final class Program {
    private Program() {}

    /**
     * Runs it.
     *
     * @param args the capacity, or nothing
     */
    public static void main(String[] args) {
      TableMemory.Builder builder = TableMemory.builder();
      if (args.length != 0) {
        builder.capacityBytes(Long.parseLong(args[0]));
      }
      try (TableMemory memory = builder.build();
          PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX))) {
        table.map(0, 4096, 4096, Access.READ);
        System.out.printf(
            "%b %d %d%n", TableMemory.isLazy(), memory.capacityBytes(), table.translate(8));
      }
    }
  }

  private record Ended(String out, String err) {}

  /** The engine's classes and its tests', which lie beside them. */
  private static String classPath() {
    URI engine =
        URI.create(
            TableMemory.class.getProtectionDomain().getCodeSource().getLocation().toString());
    Path classes = Path.of(engine);
    return classes + File.pathSeparator + classes.resolveSibling("test-classes");
  }

  private Ended run(List<String> flags, String... args) throws IOException, InterruptedException {
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(flags);
    command.addAll(List.of("-Xmx256m", "-cp", classPath(), Program.class.getName()));
    command.addAll(List.of(args));
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeAll(List.of("JDK_JAVA_OPTIONS", "JAVA_TOOL_OPTIONS"));
    Process process = builder.redirectOutput(out.toFile()).redirectError(err.toFile()).start();
    try {
      assertTrue(process.waitFor(2, TimeUnit.MINUTES), "the program hangs");
    } finally {
      process.destroyForcibly();
    }
    return new Ended(
        Files.readString(out, StandardCharsets.UTF_8).strip(),
        Files.readString(err, StandardCharsets.UTF_8).strip());
  }

  @Test
  void withoutTheVectorModuleNothingIsPrinted() throws Exception {
    Ended ended = run(List.of("--enable-native-access=ALL-UNNAMED"));
    assertEquals(new Ended("true %d 4104".formatted(64L << 30), ""), ended);
  }

  @Test
  void theChoiceOfKernelsIsOneLineForWhoAsks() throws Exception {
    Ended ended =
        run(List.of("--enable-native-access=ALL-UNNAMED", "-Dcleave.kernels.verbose=true"));
    assertEquals("kernels: plain; loops that C2 makes vectors of", ended.err());
  }

  @Test
  void withoutNativeAccessTheDefaultIsSmallAndSaysSo() throws Exception {
    Ended ended = run(List.of("--illegal-native-access=deny"));
    assertEquals(new Ended("false %d 4104".formatted(64L << 20), ""), ended);
  }

  @Test
  void withoutNativeAccessACapacityThatCannotBeHadIsRefusedWithTheFlag() throws Exception {
    Ended ended = run(List.of("--illegal-native-access=deny"), Long.toString(64L << 30));
    assertEquals("", ended.out());
    assertTrue(
        ended
            .err()
            .contains(
                "OutOfMemoryError: 68719476736 bytes must be backed at once, since mmap cannot be"
                    + " called: allow native access by --enable-native-access"),
        ended.err());
  }
}
