package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.io.BadInput;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TraceFileTest {
  private static final String LINES = "unmap 0 4K\nunmap 4K 4K\n";

  @TempDir Path directory;

  @Test
  void aPlainFileIsReadAsItIs() throws IOException {
    assertEquals(2, read(write("plain.trace", LINES.getBytes(StandardCharsets.US_ASCII))));
  }

  @Test
  void aFileThatEndsInGzIsReadAsGzip() throws IOException {
    assertEquals(2, read(write("packed.trace.gz", gzip(LINES))));
  }

  @Test
  void gzipFilesMayBeConcatenated() throws IOException {
    ByteArrayOutputStream both = new ByteArrayOutputStream();
    both.write(gzip(LINES));
    both.write(gzip(LINES));
    assertEquals(4, read(write("both.gz", both.toByteArray())));
  }

  @Test
  void aTruncatedGzipFileGivesWhatIsThereAndSaysSo() throws IOException {
    Path file = truncated();
    try (TraceReader reader = TraceReader.open(file.toString(), false)) {
      int events = TraceText.drain(reader).events().size();
      assertTrue(events > 1000, () -> "events: " + events);
      assertTrue(reader.counts().isTruncated());
    }
  }

  @Test
  void inStrictModeATruncatedGzipFileIsAnErrorWithFileAndLine() throws IOException {
    Path file = truncated();
    try (TraceReader reader = TraceReader.open(file.toString(), true)) {
      String message = assertThrows(BadInput.class, () -> TraceText.drain(reader)).getMessage();
      long line = reader.counts().lines() + 1;
      assertTrue(reader.counts().events() > 0);
      assertEquals(
          file + ":" + line + ": the gzip data ends too early: the file is truncated", message);
    }
  }

  private Path truncated() throws IOException {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 10_000; i++) {
      text.append("unmap ").append(i * 4096L).append(" 4K\n");
    }
    byte[] whole = gzip(text.toString());
    return write("cut.gz", Arrays.copyOf(whole, whole.length / 2));
  }

  @Test
  void aGzipFileWithoutItsChecksumIsTruncated() throws IOException {
    byte[] whole = gzip(LINES);
    Path file = write("tail.gz", Arrays.copyOf(whole, whole.length - 3));
    assertTrue(failure(file).endsWith("the file is truncated"));
  }

  @ParameterizedTest
  @CsvSource({
    "ffffffffffffffffb429a40acb77b1f20400000000000000, simpletrace.py",
    "17084474726163696e67360000000000, trace-cmd report",
    "50455246494c45326800000000000000, perf script",
    "c11ffcc1000000000000000000000000, babeltrace2",
    "4b44554d502020200600000000000000, makedumpfile",
    "41564d4c020000000010000000000000, avml-convert",
    "1f8b0800000000000003000000000000, zcat",
    "28b52ffd000000000000000000000000, zstdcat",
    "fd377a585a0000000000000000000000, xzcat",
    "7f454c46020101000000000000000000, cleave inspect"
  })
  void aBinaryFileIsRefusedByNameWithTheToolThatPrintsIt(String bytes, String tool)
      throws IOException {
    Path file = write("binary", HexFormat.of().parseHex(bytes));
    String message = failure(file);
    assertTrue(message.startsWith(file + ": is "), message);
    assertTrue(message.contains(tool), message);
  }

  @Test
  void aBinaryFileIsKnownInsideGzipToo() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(HexFormat.of().parseHex("17084474726163696e6736"));
    }
    assertTrue(failure(write("trace.dat.gz", bytes.toByteArray())).contains("trace-cmd report"));
  }

  @Test
  void aDamagedGzipFileIsAnError() throws IOException {
    byte[] bytes = gzip(LINES);
    // The checksum stands in the first four of the last eight bytes.
    bytes[bytes.length - 8] ^= 1;
    Path file = write("damaged.gz", bytes);
    String message = failure(file);
    assertTrue(message.contains("the gzip data is damaged"), message);
    assertTrue(message.startsWith(file + ":"), message);
  }

  @Test
  void aFileThatIsNoGzipThoughItsNameSaysSoIsAnError() throws IOException {
    Path file = write("plain.gz", LINES.getBytes(StandardCharsets.US_ASCII));
    assertTrue(failure(file).startsWith(file + ": the gzip data is damaged"));
  }

  @Test
  void anEmptyGzipFileIsTruncated() throws IOException {
    Path file = write("empty.gz", new byte[0]);
    assertTrue(failure(file).startsWith(file + ": the gzip data ends too early"));
  }

  @Test
  void aMissingFileIsAnErrorThatNamesIt() {
    Path file = directory.resolve("missing.trace");
    assertEquals(file + ": no such file or directory", failure(file));
  }

  @Test
  void aDirectoryIsAnErrorThatNamesIt() {
    assertTrue(failure(directory).startsWith(directory + ":"));
  }

  @Test
  void aDashIsStandardInputAndStaysOpen() throws IOException {
    InputStream before = System.in;
    boolean[] isClosed = {false};
    System.setIn(
        new ByteArrayInputStream(LINES.getBytes(StandardCharsets.US_ASCII)) {
          @Override
          public void close() {
            isClosed[0] = true;
          }
        });
    try {
      try (TraceReader reader = TraceReader.open("-", true)) {
        assertEquals(2, TraceText.drain(reader).events().size());
      }
      assertEquals(List.of(false), List.of(isClosed[0]));
    } finally {
      System.setIn(before);
    }
  }

  private Path write(String name, byte[] bytes) throws IOException {
    return Files.write(directory.resolve(name), bytes);
  }

  private static long read(Path file) throws IOException {
    try (TraceReader reader = TraceReader.open(file.toString(), true)) {
      return TraceText.drain(reader).events().size();
    }
  }

  private static String failure(Path file) {
    return assertThrows(BadInput.class, () -> read(file)).getMessage();
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.US_ASCII));
    }
    return bytes.toByteArray();
  }
}
