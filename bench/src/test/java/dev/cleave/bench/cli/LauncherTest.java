package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher: what Java says before the command takes over. */
@Tag("slow")
class LauncherTest {
  private static final long MOST_SECONDS = 60;
  private static final Path LAUNCHER = Path.of("src/dist/bin/cleave").toAbsolutePath();

  @TempDir private Path directory;

  private record Ended(int code, String out, List<String> err) {}

  private Ended launch(Map<String, String> environment, String... arguments)
      throws IOException, InterruptedException {
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    String[] command = new String[arguments.length + 2];
    command[0] = "bash";
    command[1] = LAUNCHER.toString();
    System.arraycopy(arguments, 0, command, 2, arguments.length);
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
    builder
        .environment()
        .put("CLEAVE_JAVA", Path.of(System.getProperty("java.home"), "bin", "java").toString());
    builder.environment().put("CLEAVE_CLASS_PATH", System.getProperty("java.class.path"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    try {
      assertTrue(process.waitFor(MOST_SECONDS, TimeUnit.SECONDS), "it did not end");
    } finally {
      process.destroyForcibly();
    }
    return new Ended(process.exitValue(), Files.readString(out), settled(err));
  }

  /** What passes the filter may arrive when Java has ended. */
  private static List<String> settled(Path file) throws IOException, InterruptedException {
    long size = -1;
    for (int i = 0; i < 50 && (size <= 0 || size != Files.size(file)); i++) {
      size = Files.size(file);
      Thread.sleep(100);
    }
    return Files.readAllLines(file);
  }

  @Test
  void aJavaThatCannotStartSaysWhy() throws Exception {
    Ended ended = launch(Map.of("JDK_JAVA_OPTIONS", "-XX:+NoSuchOption"), "info");
    assertEquals(1, ended.code, ended.toString());
    assertEquals("", ended.out);
    assertTrue(
        ended.err.stream().anyMatch(line -> line.contains("Unrecognized VM option 'NoSuchOption'")),
        ended.toString());
  }

  @Test
  void aJavaThatIsNotThereIsNamed() throws Exception {
    Ended ended = launch(Map.of("CLEAVE_JAVA", "/no/such/java"), "info");
    assertEquals(1, ended.code, ended.toString());
    assertEquals(List.of("cleave: no Java at /no/such/java"), ended.err);
  }

  @Test
  void nothingOfJavasIsBesideTheOneLineOfBadUsage() throws Exception {
    Ended ended = launch(Map.of("JDK_JAVA_OPTIONS", "-Xmx512m"), "replay", "/no/such/file");
    assertEquals(2, ended.code, ended.toString());
    assertEquals(List.of("cleave: /no/such/file: no such file or directory"), ended.err);
  }

  /** The class path with its directories as jars: Java keeps no classes of directories. */
  private String jars() throws IOException {
    List<String> entries = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      Path classes = Path.of(entry);
      if (Files.isDirectory(classes)) {
        Path jar = directory.resolve("classes-%d.jar".formatted(entries.size()));
        pack(classes, jar);
        entries.add(jar.toString());
      } else if (Files.exists(classes)) {
        entries.add(entry);
      }
    }
    return String.join(File.pathSeparator, entries);
  }

  private static void pack(Path classes, Path jar) throws IOException {
    try (JarOutputStream out = new JarOutputStream(Files.newOutputStream(jar));
        Stream<Path> files = Files.walk(classes)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        out.putNextEntry(new JarEntry(classes.relativize(file).toString()));
        Files.copy(file, out);
        out.closeEntry();
      }
    }
  }

  @Test
  void whatOneStartKeepsTheNextUses() throws Exception {
    String classPath = jars();
    String cache = directory.resolve("cleave.aot").toString();
    launch(Map.of("CLEAVE_CLASS_PATH", classPath, "CLEAVE_AOT_OUTPUT", cache), "info");
    Ended ended =
        launch(
            Map.of(
                "CLEAVE_CLASS_PATH",
                classPath,
                "CLEAVE_AOT_CACHE",
                cache,
                "JDK_JAVA_OPTIONS",
                "-XX:AOTMode=on"), // which ends a Java that cannot use it
            "info");
    assertEquals(0, ended.code, ended.toString());
    assertEquals(List.of(), ended.err);
  }

  @Test
  void whatIsNoCacheIsLeftAsideInSilence() throws Exception {
    Path cache = Files.writeString(directory.resolve("cleave.aot"), "no cache");
    Ended ended = launch(Map.of("CLEAVE_AOT_CACHE", cache.toString()), "info");
    assertEquals(0, ended.code, ended.toString());
    assertEquals(List.of(), ended.err);
    assertTrue(ended.out.startsWith("version"), ended.out);
  }

  @Test
  void jvmsOfBenchDoNotStartFromACache() throws Exception {
    Path cache = Files.writeString(directory.resolve("cleave.aot"), "no cache");
    Map<String, String> environment =
        Map.of("CLEAVE_AOT_CACHE", cache.toString(), "JDK_JAVA_OPTIONS", "-XX:AOTMode=on");
    assertEquals(1, launch(environment, "info").code);
    assertEquals(0, launch(environment, "bench", "--help").code);
  }
}
