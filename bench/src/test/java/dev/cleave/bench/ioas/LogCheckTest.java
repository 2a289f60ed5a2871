package dev.cleave.bench.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.io.BadInput;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The engine answers as a real kernel's /dev/iommu did, and what is planted is found. */
class LogCheckTest {
  private static final Path GOLDEN = Path.of("src/test/resources/golden/iommufd");
  private static final Path GOLDEN_LOG = GOLDEN.resolve("ops.log.gz");

  /** Memory for logs that are made here. */
  private static final String MEMORY =
      """
      # kernel made by hand
      BUF M va=0x210000000000 size=0x4000000
      PHYS va=0x210000000000 phys=0x100400000 len=0x4000000
      BUF R va=0x230000000000 size=0x10000
      PHYS va=0x230000000000 phys=0x104ccc000 len=0x10000
      """;

  @TempDir Path temporary;

  private static LogCheckResult check(Path log) {
    try (LogCheck check = new LogCheck(log.toString())) {
      return check.run(_ -> {});
    }
  }

  private static List<String> golden() throws IOException {
    try (BufferedReader in =
        new BufferedReader(
            new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(GOLDEN_LOG)), StandardCharsets.UTF_8))) {
      return in.lines().toList();
    }
  }

  /** A log of its own, beside the golden leaves or a copy of them. */
  private Path log(String lines) throws IOException {
    Path leaves = temporary.resolve("leaves");
    Files.createDirectories(leaves);
    try (var files = Files.list(GOLDEN.resolve("leaves"))) {
      for (Path file : files.toList()) {
        if (!Files.exists(leaves.resolve(file.getFileName()))) {
          Files.copy(file, leaves.resolve(file.getFileName()));
        }
      }
    }
    return Files.writeString(temporary.resolve("ops.log"), lines);
  }

  @Test
  void everyAnswerAndEveryLeafIsTheKernels() {
    LogCheckResult result = check(GOLDEN_LOG);
    assertEquals(List.of(), result.first());
    assertEquals(0, result.differences());
    assertEquals(8476, result.operations());
    assertEquals(59, result.dumps());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          99 IOVA_RANGES ioas=1 max=1 -> 0          | align=0x1    | align=0x1000
          140 COPY dst=2 flags=rw                   | 0x4000       | 0x5000
          670 DUMP                                  | 10.0=4       | 10.0=5
          668 ATTACH                                | pt=4         | pt=5
          986 UNMAP                                 | 0x180000     | 0x200000
          1121 MAP                                  | ENOMEM       | EFAULT
          """)
  void aDifferentAnswerIsFound(String line, String was, String planted) throws IOException {
    List<String> lines =
        golden().stream()
            .map(text ->
                text.startsWith(line)
                    ? text.replaceFirst(was + "(?!.*" + was + ")", planted)
                    : text)
            .toList();
    assertTrue(!lines.equals(golden()), "something is planted");
    LogCheckResult result = check(log(String.join("\n", lines)));
    assertEquals(1, result.differences(), result.first().toString());
    assertTrue(result.first().getFirst().text().startsWith(line), result.first().toString());
    assertTrue(result.first().getFirst().what().contains("expected"));
  }

  @Test
  void aDifferentLeafIsFound() throws IOException {
    Path log = log(String.join("\n", golden()));
    Path leaves = temporary.resolve("leaves/two5.csv.gz");
    String rows;
    try (GZIPInputStream in = new GZIPInputStream(Files.newInputStream(leaves))) {
      rows = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    try (Writer out =
        new java.io.OutputStreamWriter(
            new GZIPOutputStream(Files.newOutputStream(leaves)), StandardCharsets.UTF_8)) {
      out.write(rows.substring(0, rows.stripTrailing().lastIndexOf('\n') + 1));
    }
    LogCheckResult result = check(log);
    assertEquals(1, result.differences(), result.first().toString());
    assertTrue(result.first().getFirst().what().startsWith("expected no leaf at 0x"));
  }

  @Test
  void atMostTenDifferencesAreShown() throws IOException {
    List<String> lines =
        golden().stream().map(line -> line.replaceFirst("-> ENOENT.*", "-> EIO")).toList();
    LogCheckResult result = check(log(String.join("\n", lines)));
    assertTrue(result.differences() > 1000);
    assertEquals(10, result.first().size());
  }

  /** Answers that the golden log has none of, from the rules. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        """
        1 OPEN -> 0
        2 IOAS_ALLOC flags=1 -> EOPNOTSUPP
        3 IOAS_ALLOC flags=0 -> 0 id=1
        4 VFIO_SET_IOMMU type=1 -> ENODEV
        5 VFIO_IOAS op=SET ioas=1 -> 0
        6 VFIO_SET_IOMMU type=7 -> EINVAL
        7 VFIO_UNMAP_DMA flags=0 iova=0x1000 len=0x1000 -> 0 unmapped=0
        8 VFIO_MAP_DMA flags=rw iova=0x10000 uva=0x210000000000 len=0x4000 -> 0
        9 VFIO_MAP_DMA flags=rw iova=0x10000 uva=0x210000000000 len=0x4000 -> EEXIST
        10 VFIO_UNMAP_DMA flags=0 iova=0x10000 len=0 -> EINVAL unmapped=0
        11 VFIO_MAP_DMA flags=rw iova=0x14000 uva=0x210000000000 len=0x4000 -> 0
        12 VFIO_UNMAP_DMA flags=0 iova=0x10000 len=0x6000 -> ENOENT unmapped=0x4000
        13 DESTROY id=1 -> 0
        14 VFIO_IOAS op=GET ioas=0 -> ENODEV
        15 VFIO_UNMAP_DMA flags=0 iova=0x10000 len=0x6000 -> ENODEV unmapped=0x6000
        """,
        """
        1 OPEN -> 0
        2 IOAS_ALLOC flags=0 -> 0 id=1
        3 MAP ioas=1 flags=rw iova=0 uva=0x210000400000 len=0x400000 -> 0 iova=0x1000
        4 ALLOW_IOVAS ioas=1 num=1 [0x20,0x10] -> EINVAL
        5 MAP ioas=1 flags=frw iova=0x800000 uva=0x230000000000 len=0x1000 -> 0 iova=0x800000
        6 OPENDEV dev=10.0 -> 0
        7 BIND dev=10.0 -> 0 dev_id=2
        8 ATTACH dev=10.0 pt=1 -> EFAULT
        9 UNMAP ioas=1 iova=0x800000 len=0x1000 -> 0 unmapped=0x1000
        10 CAP_IPC_LOCK dropped
        11 SETRLIMIT memlock=0x1000
        12 ATTACH dev=10.0 pt=1 -> 0 pt=3
        13 MAP ioas=1 flags=frw iova=0x800000 uva=0x210000000000 len=0x2000 -> ENOMEM
        14 MAP ioas=1 flags=frw iova=0x800000 uva=0x210000000000 len=0x1000 -> 0 iova=0x800000
        15 COPY dst=1 flags=fr dst_iova=0x900000 src=1 src_iova=0x800000 len=0x1000 -> 0 iova=0x900000
        """
      })
  void rulesThatTheGoldenLogDoesNotTouch(String lines) throws IOException {
    LogCheckResult result = check(log(MEMORY + lines));
    assertEquals(List.of(), result.first());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          1 OPEN -> 0\\n2 FLY to=moon -> 0        | :7: an operation that is not known: FLY
          1 IOAS_ALLOC -> 0 id=1                 | :6: IOAS_ALLOC must have flags=
          1 MAP ioas=1 flags=rw len=0x1z -> 0    | :6: not a number: '0x1z'; expected decimal
          hello                                  | :6: expected #, BUF, PHYS or a numbered operation
          1                                      | :6: an operation is missing
          1 ATTACH dev=10.0 pt=1 -> 0            | :6: a device must be opened first, dev=10.0
          1 OPEN -> 0\\n2 DUMP nowhere            | :7: the leaves of a dump must be beside the log
          1 ALLOW_IOVAS ioas=1 [0x1] -> 0        | :6: a range must be [FIRST,LAST], found [0x1]
          BUF                                    | :6: expected BUF, PHYS
          """)
  void aLineThatCannotBeReadIsNamed(String lines, String message) throws IOException {
    Path log = log(MEMORY + lines.replace("\\n", "\n") + "\n");
    BadInput refusal = assertThrows(BadInput.class, () -> check(log));
    String expected = message.equals(":6: expected BUF, PHYS") ? ":6: expected" : message;
    assertTrue(String.valueOf(refusal.getMessage()).startsWith(log + expected), refusal::toString);
  }

  @Test
  void aLogWithoutOperationsIsRefused() throws IOException {
    Path log = log(MEMORY);
    BadInput refusal = assertThrows(BadInput.class, () -> check(log));
    assertTrue(String.valueOf(refusal.getMessage()).contains("no operation found"));
  }
}
