package dev.cleave.bench.own;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code bench/own}, the benchmark of somebody who has nothing of this build but the engine as it
 * would be published, and Maven.
 */
@Tag("slow")
class OwnBenchmarkIT {
  private static final Path PROJECT = Path.of("own").toAbsolutePath();
  private static final Path JDK = Path.of(System.getProperty("java.home"));
  private static final String VERSION = System.getProperty("cleave.version");
  private static final long SECONDS = 120;

  @TempDir private Path directory;

  @Test
  void itCompilesAgainstWhatIsPublishedAndMeasures() throws Exception {
    Path target = directory.resolve("target");
    run(
        Path.of(System.getProperty("cleave.maven"), "bin", "mvn").toString(),
        "-B",
        "-q",
        "-ntp",
        "-s",
        property("cleave.settings"),
        "-Dour.repository=" + Path.of(property("cleave.maven.repository")).toUri(),
        "-Dmaven.repo.local=" + property("cleave.repository"),
        "-Dcleave.version=" + VERSION,
        "-Down.directory=" + target,
        "-f",
        PROJECT.resolve("pom.xml").toString(),
        "compile");
    Path json = directory.resolve("result.json");
    String out =
        run(
            JDK.resolve("bin", "java").toString(),
            "-Djmh.ignoreLock=true",
            "-cp",
            target.resolve("classes") + ":" + target.resolve("lib") + "/*",
            "org.openjdk.jmh.Main",
            "-f",
            "1",
            "-wi",
            "1",
            "-w",
            "200ms",
            "-i",
            "2",
            "-r",
            "200ms",
            "-prof",
            "gc",
            "-rf",
            "json",
            "-rff",
            json.toString());
    JsonObject result =
        JsonParser.parseString(Files.readString(json)).getAsJsonArray().get(0).getAsJsonObject();
    assertEquals("own.SplitOneRegion.splitThenMerge", result.get("benchmark").getAsString(), out);
    assertTrue(result.getAsJsonObject("primaryMetric").get("score").getAsDouble() > 0, out);
    assertTrue(out.contains("kernels: "), out);
  }

  /** Nobody has to look up which version goes with the tree, and nothing names a host. */
  @Test
  void itsPomNamesTheVersionThatIsBuiltHereAndNoRepository() throws IOException {
    String pom = Files.readString(PROJECT.resolve("pom.xml"));
    Matcher version = Pattern.compile("<cleave.version>(.*)</cleave.version>").matcher(pom);
    assertTrue(version.find());
    assertEquals(VERSION, version.group(1));
    assertFalse(pom.contains("epositor"), "a repository is named");
    assertTrue(Files.readString(Path.of("..", "pom.xml")).contains(jmh(pom)), "another JMH");
  }

  private static String jmh(String pom) {
    Matcher version = Pattern.compile("<jmh.version>.*</jmh.version>").matcher(pom);
    assertTrue(version.find());
    return version.group();
  }

  private static String property(String name) {
    return System.getProperty(name);
  }

  private String run(String... command) throws IOException, InterruptedException {
    Path out = directory.resolve("out.txt");
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeIf(name -> name.matches("(JDK_)?JAVA.*OPTIONS|CLASSPATH"));
    builder.environment().put("JAVA_HOME", JDK.toString());
    Process process =
        builder
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(out.toFile())
            .start();
    boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
    if (!ended) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    String printed = Files.readString(out);
    assertTrue(ended, () -> command[0] + " has not ended: " + printed);
    assertEquals(0, process.exitValue(), () -> command[0] + ": " + printed);
    return printed;
  }
}
