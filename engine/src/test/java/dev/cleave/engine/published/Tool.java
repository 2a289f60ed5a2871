package dev.cleave.engine.published;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs a program on the JDK that runs the tests, or on an image, to its end. */
final class Tool {
  private static final Path JDK = Path.of(System.getProperty("java.home"));
  private static final long SECONDS = 60;

  private Tool() {}

  /**
   * What a program printed.
   *
   * @param out lines of standard output
   * @param err lines of standard error that are not blank
   */
  record Output(List<String> out, List<String> err) {}

  /** Runs a tool of this JDK, in a directory that takes what it prints, and expects success. */
  static Output run(Path directory, String tool, Object... arguments)
      throws IOException, InterruptedException {
    return runOf(JDK, directory, tool, arguments);
  }

  /** The same with a tool of another home. */
  static Output runOf(Path home, Path directory, String tool, Object... arguments)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(home.resolve("bin", tool).toString());
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    Path out = directory.resolve("out.txt");
    Path err = directory.resolve("err.txt");
    ProcessBuilder builder = new ProcessBuilder(command);
    // Options from outside would make the case another one, and are announced on standard error.
    builder.environment().keySet().removeIf(name -> name.matches("(JDK_)?JAVA.*OPTIONS|CLASSPATH"));
    builder.environment().put("JAVA_HOME", JDK.toString());
    Process process =
        builder
            .directory(directory.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
    if (!ended) {
      process.destroyForcibly();
    }
    List<String> errors = Files.readAllLines(err).stream().filter(line -> !line.isBlank()).toList();
    assertTrue(ended, () -> command + " has not ended after " + SECONDS + " s");
    assertEquals(0, process.exitValue(), () -> command + ": " + errors);
    return new Output(Files.readAllLines(out), errors);
  }
}
