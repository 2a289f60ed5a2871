package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.cli.Cleave.Result;
import dev.cleave.bench.conform.qemu.QemuInstalled;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What conform prints and writes, and that nothing of QEMU stays behind. */
@Tag("slow")
class ConformCommandTest {
  /** Less than a work that does not look up is waited for. */
  private static final long SOON_SECONDS = 20;

  @TempDir Path temporary;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --seconds 1 --cases 1|give --seconds or --cases, not both
          --seconds 0          |--seconds must be at least 1
          --cases 0            |--cases must be at least 1
          --case 1 --cases 2   |--case runs one case: leave out --seconds and --cases
          --hold               |--hold and --dump need --case
          --qemu /no/such/qemu |/no/such/qemu: cannot be run, expected a QEMU for x86-64 (Debian: qemu-system-x86)
          --qemu /bin/echo     |/bin/echo: does not say that it is QEMU
          """)
  void whatCannotBeUsedIsRefusedInOneLine(String options, String message) {
    Result result = Cleave.run((Object[]) ("conform " + options).split(" +"));

    assertEquals(2, result.code());
    assertEquals(List.of("cleave: " + message), result.errLines());
  }

  @Test
  void theOutcomeIsPrintedAndWrittenAsJson() throws IOException {
    QemuInstalled.orSkip();
    Path json = temporary.resolve("conform.json");

    Result result = Cleave.run("conform", "--cases", 2, "--seed", 5, "--json", json);

    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().endsWith("differences: 0\n"), result.out());
    JsonObject written = JsonParser.parseString(Files.readString(json)).getAsJsonObject();
    assertEquals(5, written.get("seed").getAsInt());
    assertEquals(2, written.get("cases").getAsInt());
    assertEquals(0, written.get("differences").getAsInt());
    assertTrue(written.get("probes").getAsLong() > 1000);
    assertEquals(2, written.getAsJsonObject("kinds").size());
  }

  @Test
  void inspectReadsTheCoreThatQemuDumps() throws IOException {
    QemuInstalled.orSkip();
    Path core = temporary.resolve("guest.elf");

    Result dumped = Cleave.run("conform", "--case", 1, "--dump", core);
    Result inspected = inspect(core);

    assertEquals(0, dumped.code(), dumped.err());
    assertEquals(0, inspected.code(), inspected.err());
    assertTrue(inspected.out().contains("mapped"), inspected.out());
  }

  @Test
  void inspectReadsTheMemoryOfARunningGuest() throws Exception {
    QemuInstalled.orSkip();
    Path memory = temporary.resolve("guest.ram");
    try (Held held = Held.start("--memory", memory.toString())) {
      Result inspected = inspect(memory);

      assertEquals(0, inspected.code(), inspected.err());
      assertTrue(inspected.out().contains("mapped"), inspected.out());
      held.letGo();
      assertEquals(0, Signals.awaitEnd(held.java));
    }
    assertFalse(Files.exists(memory), "the memory file must be gone");
  }

  private static Result inspect(Path image) {
    return Cleave.run("inspect", image, "--devtab", "0x100000", "--devid", "00:03.0");
  }

  @ParameterizedTest
  @ValueSource(strings = {"TERM", "INT", "KILL"})
  void qemuEndsWhenJavaIsTold(String signal) throws Exception {
    QemuInstalled.orSkip();
    try (Held held = Held.start()) {
      ProcessHandle qemu = held.qemu();
      assertTrue(qemu.isAlive());
      long start = System.nanoTime();
      Signals.send(signal, held.java);
      Signals.awaitEnd(held.java);
      long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);

      assertTrue(seconds < SOON_SECONDS, "it took " + seconds + " s to end");
      assertEnds(qemu);
      assertEquals(List.of(), leftovers(held.java.pid()));
    }
  }

  private static void assertEnds(ProcessHandle process)
      throws InterruptedException, ExecutionException {
    try {
      process.onExit().get(30, TimeUnit.SECONDS);
    } catch (TimeoutException e) {
      throw new AssertionError("QEMU is still there, pid " + process.pid(), e);
    }
  }

  private static List<Path> leftovers(long pid) throws IOException {
    try (var shared = Files.list(Path.of("/dev/shm"));
        var temporaries = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return Stream.concat(shared, temporaries)
          .filter(file -> file.getFileName().toString().startsWith("cleave-qemu-" + pid + "-"))
          .toList();
    }
  }

  /** A {@code cleave conform} in a Java of its own that holds a case. */
  private static final class Held implements AutoCloseable {
    private final Process java;

    private Held(Process java) {
      this.java = java;
    }

    static Held start(String... options) throws IOException, InterruptedException {
      List<String> command = new ArrayList<>(Signals.prefix());
      command.addAll(
          List.of(
              ProcessHandle.current().info().command().orElseThrow(),
              "--add-modules=jdk.incubator.vector",
              "--enable-native-access=ALL-UNNAMED",
              "-cp",
              System.getProperty("java.class.path"),
              Main.class.getName(),
              "conform",
              "--case",
              "1",
              "--hold"));
      command.addAll(List.of(options));
      Held held =
          new Held(
              new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start());
      if (Signals.awaitLine(held.java, "device table:") == null) {
        held.close();
        throw new AssertionError("conform ended before it held its case");
      }
      return held;
    }

    ProcessHandle qemu() {
      return java.children().findAny().orElseThrow();
    }

    void letGo() throws IOException {
      java.getOutputStream().close();
    }

    @Override
    public void close() {
      java.destroyForcibly();
    }
  }
}
