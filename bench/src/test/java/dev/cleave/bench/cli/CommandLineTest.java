package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Command;

/** Ways of being wrong on the command line, and what help looks like. */
class CommandLineTest {
  private static final String DTE = "0300000000000060".repeat(4);

  @TempDir Path temporary;

  /** GOLDEN is an image with a manifest, RAW a file of raw memory, TEMP an empty directory. */
  private Object[] arguments(String line) throws IOException {
    Path raw = temporary.resolve("raw");
    Files.write(raw, new byte[8192]);
    Files.write(temporary.resolve("raw.gz"), new byte[100]);
    return Arrays.stream(line.split(" "))
        .filter(word -> !word.isEmpty())
        .map(word -> word.replace("GOLDEN", "src/test/resources/golden/7.3.4/main"))
        .map(word -> word.replace("OPS", "src/test/resources/golden/ops/ops.trace.gz"))
        .map(word -> word.replace("CASES", "src/test/resources/cases"))
        .map(word -> word.replace("QEMU", "src/test/resources/logs/map-file.log"))
        .map(word -> word.replace("RAW", raw.toString()))
        .map(word -> word.replace("TEMP", temporary.toString()))
        .map(word -> word.replace("DTE", DTE))
        .toArray();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "inspct",
        "--nonsense",
        "inspect",
        "inspect GOLDEN another",
        "inspect --nonsense GOLDEN",
        "inspect /no/such/image",
        "inspect TEMP",
        "inspect RAW",
        "inspect --lookup banana GOLDEN",
        "inspect --lookup -1 GOLDEN",
        "inspect --lookup 0x GOLDEN",
        "inspect --lookup 0x10000000000000000 GOLDEN",
        "inspect --lookup 16777216T GOLDEN",
        "inspect --lookup 1.5G GOLDEN",
        "inspect --lookup GOLDEN",
        "inspect --base 0x1000 GOLDEN",
        "inspect --base 0x10 --root 0 --mode 3 RAW",
        "inspect --root 0x1000 RAW",
        "inspect --mode 3 RAW",
        "inspect --root 0x1001 --mode 3 RAW",
        "inspect --root 0x9000 --mode 3 RAW",
        "inspect --root 0 --mode 0 RAW",
        "inspect --root 0 --mode 7 RAW",
        "inspect --root 0 --mode 0xffffffffffffffff RAW",
        "inspect --root 0 --mode 3 --format x86 RAW",
        "inspect --root 0 --mode 6 --format x86 RAW",
        "inspect --format x86 RAW",
        "inspect --root 0 --mode 3 --sign-extended RAW",
        "inspect --root 0 --mode 3 --format v3 RAW",
        "inspect --root 0 --mode 3 --dte DTE RAW",
        "inspect --dte 03 RAW",
        "inspect --dte DTEx RAW",
        "inspect --devtab 0x1000 RAW",
        "inspect --devtab 0x1800 --devid 00:01.0 RAW",
        "inspect --devtab 0x4000 --devid 00:01.0 RAW",
        "inspect --devtab 0 --devid 00:20.0 RAW",
        "inspect --devtab 0 --devid 00:01.8 RAW",
        "inspect --devtab 0 --devid banana RAW",
        "inspect --devid 00:01.0 RAW",
        "inspect --devid ff:00.0 GOLDEN",
        "inspect --c-bit 12 GOLDEN",
        "inspect --leaves /no/such/place.csv GOLDEN",
        "inspect --dirs TEMP GOLDEN",
        "inspect --json /no/such/place.json GOLDEN",
        "inspect /dev/null",
        "inspect --devid 1:00:01.0 GOLDEN",
        "inspect --devid 0000:00:01 GOLDEN",
        "inspect --devid 12345678:00:01.0 GOLDEN",
        "inspect --devid 0001:00:02.0 GOLDEN",
        "inspect --devtab 0 --devid 0000:00:20.0 RAW",
        "inspect --dte 1,2,3 RAW",
        "inspect --dte 1_2_3_4 RAW",
        "inspect --dte CASES/events.dmesg RAW",
        "inspect --dte CASES/dte-debugfs.txt --devid 02:00.0 RAW",
        "inspect --dte CASES/dte-debugfs.txt --dte-order middle RAW",
        "inspect --dte 0,0,0,0 RAW",
        "inspect --dte 6000000000000003,0,0,6000000000000003 RAW",
        "inspect --dte-order high RAW",
        "inspect --dte DTE --devtab 0x1000 RAW",
        "inspect --rmp banana GOLDEN",
        "inspect --rmp 0x1001 GOLDEN",
        "inspect --rmp 0x1000: GOLDEN",
        "inspect --rmp 0x1000:0x2000:0x3000 GOLDEN",
        "inspect --rmp 0x1000:0x4fff GOLDEN",
        "inspect --rmp 0x100000:0x4ffff7 GOLDEN",
        "inspect --rmp 0x100000:0x1000 GOLDEN",
        "inspect --rmp 0x7000000000000000 GOLDEN",
        "inspect --rmp 0x100000 GOLDEN",
        "inspect --rmp 0x100000 --rmp-dump CASES/rmp-dump.dmesg GOLDEN",
        "inspect --rmp-dump CASES/events.dmesg GOLDEN",
        "inspect --rmp-dump /no/such/file GOLDEN",
        "inspect --rmp-dump TEMP GOLDEN",
        "inspect --rmp-dump RAW.gz GOLDEN",
        "inspect --rmp-segments 64G GOLDEN",
        "inspect --rmp 0x100000 --rmp-segments 3G GOLDEN",
        "inspect --rmp 0x100000 --rmp-segments 4K GOLDEN",
        "inspect --rmp 0x100000:0x1fffff --rmp-segments 64G GOLDEN",
        "inspect --rmp 0x100000 --rmp-segments 64G GOLDEN",
        "inspect --rmp 0x100000 --rmp-segments CASES/rmp-dump.dmesg GOLDEN",
        "inspect --rmp-segments CASES/rmp-dump.dmesg GOLDEN",
        "inspect --rmp-dump CASES/rmp-dump.dmesg --rmp-segments CASES/rmp-dump.dmesg GOLDEN",
        "inspect --asid 1024 GOLDEN",
        "inspect --asid -1 GOLDEN",
        "inspect --rmp-out /no/such/place.ops GOLDEN",
        "inspect --rmp-out TEMP/out.ops GOLDEN",
        "inspect --rmp-out TEMP/out.ops --rmp-dump CASES/rmp-dump.dmesg GOLDEN",
        "explain",
        "explain /no/such/file",
        "explain TEMP",
        "explain RAW.gz",
        "explain CASES/events.dmesg another",
        "explain CASES/events.dmesg --nonsense",
        "explain CASES/events.dmesg --json /no/such/place.json",
        "explain CASES/events.dmesg --image /no/such/image",
        "explain CASES/events.dmesg --image RAW",
        "explain CASES/events.dmesg --image RAW --devtab 0x10",
        "explain CASES/events.dmesg --devtab 0x1000",
        "explain CASES/events.dmesg --rmp 0x100000",
        "explain CASES/events.dmesg --base 0",
        "explain CASES/events.dmesg --image GOLDEN --base 0",
        "explain CASES/events.dmesg --image GOLDEN --rmp-dump CASES/events.dmesg",
        "inspect GOLDEN/manifest.json --root 0 --mode 3",
        "inspect GOLDEN/pages.idx.gz --root 0 --mode 3",
        "replay",
        "replay /no/such/log.trace",
        "replay TEMP",
        "replay RAW.gz",
        "replay OPS --nonsense",
        "replay OPS --policy follow,guess",
        "replay OPS --page-sizes 4K,3K",
        "replay OPS --page-sizes 512G",
        "replay OPS --page-sizes 4K,,2M",
        "replay OPS --levels 0",
        "replay OPS --levels 7",
        "replay OPS --levels three",
        "replay OPS --rmp perhaps",
        "replay OPS --rmp on",
        "replay OPS --rmp on --guest-memory 4095",
        "replay OPS --guest-memory 0",
        "replay OPS --guest-memory 65T",
        "replay OPS --paddr-base 1X",
        "replay OPS --table-memory 1",
        "replay OPS --results /no/such/place.csv",
        "replay OPS --leaves TEMP",
        "replay OPS --json /no/such/place.json",
        "replay OPS --image RAW",
        "replay OPS --strict RAW",
        "replay OPS --tables npt",
        "replay OPS --tables iommu,cpu",
        "replay OPS --tables iommu,npt",
        "replay OPS --tables iommu,npt --page-sizes 64K,2M",
        "replay OPS --backing elsewhere",
        "replay OPS --space nothing",
        "replay OPS --space",
        "replay OPS --paddr-base 1",
        "replay OPS --paddr-base 0x1234",
        "replay QEMU --paddr-base 0x10000000000000",
        "replay QEMU --page-sizes 2M",
        "replay QEMU --page-sizes 64K,2M",
        "replay QEMU --page-sizes 512G --rmp off",
        "replay QEMU --dma -1",
        "replay QEMU --dma x",
        "replay OPS --strict QEMU-",
        "replay RAW",
        "replay RAW --strict",
        "replay /dev/null",
        "replay OPS --backing separate --rmp off",
        "compare",
        "compare OPS",
        "compare OPS OPS",
        "compare /no/such/file OPS",
        "compare TEMP TEMP",
        "compare OPS OPS --fail-over 0.5",
        "compare OPS OPS --fail-over x",
      })
  void whatIsWrongIsSaidOnOneLineWithExitCode2(String line) throws IOException {
    Cleave.Result result = Cleave.run(arguments(line));
    assertEquals(2, result.code(), result.err());
    assertEquals(1, result.errLines().size(), result.err());
    assertTrue(result.err().startsWith("cleave: "), result.err());
    assertFalse(result.err().contains("Exception"), result.err());
  }

  @Test
  void aNameWithALineFeedStillMakesOneLine() {
    Cleave.Result result = Cleave.run("inspect", "no\nsuch\r\nfile");
    assertEquals(2, result.code());
    assertEquals(1, result.errLines().size());
  }

  /** Longer ones are broken where the terminal ends, and what is set in columns falls apart. */
  @Test
  void noLineBelowTheOptionsOfAHelpIsWiderThanATerminal() {
    for (Class<?> command : Main.class.getAnnotation(Command.class).subcommands()) {
      for (String line : command.getAnnotation(Command.class).footer()) {
        assertTrue(line.replace("%%", "%").length() < 80, command.getSimpleName() + ": " + line);
      }
    }
    List<String> wide =
        Cleave.run("replay", "--help").out().lines().filter(line -> line.length() > 80).toList();
    assertEquals(List.of(), wide);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--help", "inspect --help", "explain --help", "help", "help inspect", "--version"})
  void helpAndVersionGoToStandardOutputWithExitCode0(String line) throws IOException {
    Cleave.Result result = Cleave.run(arguments(line));
    assertEquals(0, result.code());
    assertEquals("", result.err());
    assertTrue(result.out().contains("cleave"), result.out());
  }

  @ParameterizedTest
  @CsvSource({
    "0300000000000060, passthrough",
    "0100000000000060, blocked",
    "0000000000000060, invalid",
    "030000000000e060, v2",
    "030e000000000060, reserved"
  })
  void anEntryWithoutAV1TableIsNamed(String firstWord, String kind) throws IOException {
    Cleave.Result result = Cleave.run(arguments("inspect RAW --dte " + firstWord + "0".repeat(48)));
    assertEquals(0, result.code(), result.err());
    assertTrue(result.out().contains(kind), result.out());
  }

  @Test
  void anAuditWithAnErrorEndsWithExitCode1() throws IOException {
    Cleave.Result result =
        Cleave.run(arguments("inspect RAW --audit --dte 030e000000000060" + "0".repeat(48)));
    assertEquals(1, result.code());
    assertTrue(result.out().contains("error device-table"), result.out());
    assertEquals("", result.err());
  }

  @Test
  void aTableWhoseRootIsNotThereEndsWithExitCode1() throws IOException {
    Cleave.Result result =
        Cleave.run(arguments("inspect RAW --dte 0306ee0000000060" + "0".repeat(48)));
    assertEquals(1, result.code());
    assertEquals(1, result.errLines().size());
  }

  @Test
  void anInternalErrorIsOneLineWithExitCode1() {
    StringWriter err = new StringWriter();
    int code = ExitPolicy.end(new IllegalStateException("two\nlines"), new PrintWriter(err, true));
    assertEquals(1, code);
    assertEquals(1, err.toString().lines().count());
    assertTrue(err.toString().startsWith("cleave: internal error"));
  }
}
