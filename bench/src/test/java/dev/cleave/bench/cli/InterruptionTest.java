package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.conform.qemu.QemuInstalled;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Commands as processes of their own that get what Ctrl-C sends, all at the same time. */
@Tag("slow")
@Execution(ExecutionMode.CONCURRENT)
class InterruptionTest {
  private static final int INTERRUPTED = 130;
  private static final long MOST_NANOS = TimeUnit.SECONDS.toNanos(Signals.MOST_SECONDS);

  /** What the JVM itself says of flags that the tests of this module run with. */
  private static final String JVM_WARNING = "WARNING: ";

  @TempDir Path directory;

  private record Ended(int code, String out, List<String> err) {}

  /**
   * Interrupts the command when it is at work: when it has computed for so long, and has started a
   * process if it is to.
   */
  private Ended interrupted(int seconds, boolean hasChild, String... arguments) throws Exception {
    Path out = directory.resolve("out");
    Path err = directory.resolve("err");
    List<String> command = new ArrayList<>(Signals.prefix());
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            "-Djmh.ignoreLock=true",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName()));
    command.addAll(Arrays.asList(arguments));
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    try {
      long start = System.nanoTime();
      while (!isAtWork(process, seconds, hasChild)) {
        assertTrue(System.nanoTime() - start < MOST_NANOS, "it has not begun");
        assertFalse(process.waitFor(100, TimeUnit.MILLISECONDS), "it ended by itself");
      }
      Signals.send("INT", process);
      Signals.awaitEnd(process);
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    return new Ended(process.exitValue(), Files.readString(out), lines(err));
  }

  private static boolean isAtWork(Process process, int seconds, boolean hasChild) {
    long computed = process.info().totalCpuDuration().map(Duration::toSeconds).orElse(0L);
    return computed >= seconds && (!hasChild || process.descendants().findAny().isPresent());
  }

  private static List<String> lines(Path err) throws IOException {
    return Files.readAllLines(err).stream().filter(line -> !line.startsWith(JVM_WARNING)).toList();
  }

  /** Events that take minutes: each splits all of a guest, or merges it again. */
  private Path longTrace() throws IOException {
    String twice = "split 0 4G 4K\nmerge 0 4G 1G\n";
    return Files.writeString(
        directory.resolve("long.trace"), "map 0 0 4G rw\n" + twice.repeat(9000));
  }

  @Test
  void aReplayShowsTheEventsSoFar() throws Exception {
    Path json = directory.resolve("replay.json");
    Path report = directory.resolve("replay.html");
    Ended ended =
        interrupted(
            4,
            false,
            "replay",
            longTrace().toString(),
            "--json",
            json.toString(),
            "--report",
            report.toString());
    assertEquals(INTERRUPTED, ended.code, ended.toString());
    assertEquals(1, ended.err.size(), ended.err.toString());
    assertTrue(ended.err.getFirst().startsWith("cleave: interrupted: follow ended after "));
    JsonArray policies =
        JsonParser.parseString(Files.readString(json)).getAsJsonObject().getAsJsonArray("policies");
    assertEquals(1, policies.size());
    long events = policies.get(0).getAsJsonObject().get("events").getAsLong();
    assertTrue(events > 0 && events < 18_001, String.valueOf(events));
    assertTrue(ended.out.contains("follow"), ended.out);
    assertTrue(Files.size(report) > 1_000_000);
  }

  @Test
  void footprintsShowTheGuestsSoFar() throws Exception {
    Path json = directory.resolve("footprint.json");
    List<String> shares = new ArrayList<>();
    for (int i = 1; i <= 1000; i++) {
      shares.add("0." + (10_000 + i));
    }
    Ended ended =
        interrupted(
            4,
            false,
            "footprint",
            "--guest-memory",
            "256M",
            "--shared",
            String.join(",", shares),
            "--json",
            json.toString());
    assertEquals(INTERRUPTED, ended.code, ended.toString());
    assertEquals(1, ended.err.size(), ended.err.toString());
    JsonObject written = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    int tables = written.getAsJsonArray("tables").size();
    assertTrue(tables > 0 && tables < 4000, String.valueOf(tables));
  }

  @Test
  void aBenchEndsItsMeasuringProcessesToo() throws Exception {
    Path jmh = directory.resolve("jmh.json");
    Ended ended = interrupted(1, true, "bench", "--quick", "--jmh-json", jmh.toString());
    assertEquals(INTERRUPTED, ended.code, ended.toString());
    assertEquals(1, ended.err.size(), ended.err.toString());
    assertTrue(ended.err.getFirst().endsWith(" pairs were measured"), ended.err.toString());
    assertTrue(Files.exists(jmh));
  }

  @Test
  void aConformanceRunShowsTheCasesSoFar() throws Exception {
    QemuInstalled.orSkip();
    Path json = directory.resolve("conform.json");
    // by then it has come to its first case: to wait for QEMU takes no time of a processor
    Ended ended = interrupted(5, true, "conform", "--seconds", "600", "--json", json.toString());
    assertEquals(INTERRUPTED, ended.code, ended.toString());
    assertEquals(1, ended.err.size(), ended.err.toString());
    assertTrue(ended.err.getFirst().startsWith("cleave: interrupted: after "));
    assertTrue(Files.exists(json));
  }

  /** Asking QEMU for its version is the first thing that takes time. */
  @Test
  void aConformanceRunIsInterruptedBeforeItsFirstCase() throws Exception {
    QemuInstalled.orSkip();
    Path slow =
        Files.writeString(
            directory.resolve("slow-qemu"),
            """
            #!/bin/sh
            if [ "$1" = --version ]; then sleep 2; fi
            exec qemu-system-x86_64 "$@"
            """);
    assertTrue(slow.toFile().setExecutable(true));
    Ended ended = interrupted(0, true, "conform", "--qemu", slow.toString());
    assertEquals(INTERRUPTED, ended.code, ended.toString());
    assertEquals(List.of("cleave: interrupted: after 0 cases"), ended.err, ended.toString());
  }
}
