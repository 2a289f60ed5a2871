package dev.cleave.bench.image;

import static dev.cleave.bench.image.Dumps.PAGE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.image.Dumps.Range;
import dev.cleave.bench.io.BadInput;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every kind of image that people have is read, or refused by its name. */
class ImageKindTest {
  private static final byte[] TWO_PAGES = Dumps.memory(2 * PAGE);

  @TempDir Path temporary;

  private MemoryImage open(byte[] bytes) throws IOException {
    Path file = Files.write(temporary.resolve("image"), bytes);
    return MemoryImage.open(file.toString(), OptionalLong.empty());
  }

  private String refusal(byte[] bytes) {
    String message = assertThrows(BadInput.class, () -> open(bytes).close()).getMessage();
    assertTrue(message.startsWith(temporary.resolve("image") + ": "), message);
    return message;
  }

  @ParameterizedTest
  @CsvSource({
    "4449534b44554d50, diskdump",
    "6469736b64756d70, diskdump",
    "41564d4c02000000, avml-convert",
    "5041474544553634, Windows",
    "5041474544554d50, Windows",
    "4c69627669727451656d755361766500, virsh dump --memory-only",
    "5145564d00000003, dump-guest-memory",
    "d2bed2be, .vmem",
    "d3bed3be, .vmem",
    "d0bed2be, .vmem",
    "d1bad1ba, .vmem",
    "514649fb00000003, qcow2",
    "1f8b0800, .gz",
    "28b52ffd, zstd -d",
    "fd377a585a000004, xz -d",
    "425a6839314159265359, bzip2 -d"
  })
  void whatIsNotReadIsRefusedByNameEvenWhereItIsWholePages(String magic, String word) {
    byte[] file = new byte[PAGE];
    byte[] bytes = HexFormat.of().parseHex(magic);
    System.arraycopy(bytes, 0, file, 0, bytes.length);
    String message = refusal(file);
    assertTrue(message.contains(word) && message.contains("does not read"), message);
  }

  @Test
  void aRangeOfLimeEndsWithItsLastAddress() throws IOException {
    byte[] lime =
        Dumps.lime(new Range(0x1000, TWO_PAGES), new Range(0x1_0000_0000L, Dumps.memory(PAGE)));
    try (MemoryImage image = open(lime)) {
      assertEquals(0x1009, image.memory().getLong(0x2008));
      assertEquals(1, image.memory().getLong(0x1_0000_0000L));
      assertFalse(image.memory().isBacked(0x3000));
      assertEquals(0x1_0000_0FFFL, image.last());
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0x1010, 0xFFF, 0x1800})
  void onlyWholePagesOfARangeAreMemory(long start) throws IOException {
    byte[] bytes = Dumps.memory(3 * PAGE);
    long whole = (start + PAGE - 1) & -PAGE;
    for (byte[] dump :
        new byte[][] {Dumps.lime(new Range(start, bytes)), Dumps.elf(new Range(start, bytes))}) {
      try (MemoryImage image = open(dump)) {
        assertFalse(image.memory().isBacked(whole - 1));
        assertEquals(
            bytes[(int) (whole - start)], (byte) image.memory().getLong(whole), "first byte");
        assertTrue(image.memory().isBacked(whole + PAGE));
        assertFalse(image.memory().isBacked(whole + 2 * PAGE));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "4, 2, no LiME header of version 1",
    "10, 0x7f, beyond the file's end",
    "32, 0, whole page"
  })
  void aLimeImageThatLiesIsRefused(int at, String value, String words) {
    byte[] lime = Dumps.lime(new Range(0x1000, at == 32 ? new byte[100] : TWO_PAGES));
    lime[at] = (byte) (int) Integer.decode(value);
    assertTrue(refusal(lime).contains(words), refusal(lime));
  }

  @Test
  void aLimeImageThatIsCutShortIsRefused() {
    byte[] lime = Dumps.lime(new Range(0, TWO_PAGES), new Range(0x8000, TWO_PAGES));
    assertTrue(refusal(Arrays.copyOf(lime, lime.length - 1)).contains("beyond"));
    assertTrue(refusal(Arrays.copyOf(lime, 32 + 2 * PAGE + 31)).contains("cut short"));
  }

  @Test
  void aCoreOfAnyNumberOfSegmentsIsRead() throws IOException {
    Range[] ranges = new Range[70_000];
    Arrays.setAll(ranges, i -> new Range(0x10_0000L + 2L * PAGE * i, new byte[0]));
    ranges[69_999] = new Range(0x7000_0000, TWO_PAGES);
    try (MemoryImage image = open(Dumps.elf(ranges))) {
      assertEquals(0x1009, image.memory().getLong(0x7000_1008));
    }
  }

  @Test
  void memoryThatAVmcoreHoldsTwiceIsReadIfBothAgree() throws IOException {
    byte[] kernel = Arrays.copyOfRange(TWO_PAGES, PAGE, 2 * PAGE);
    try (MemoryImage image =
        open(Dumps.elf(new Range(0x2000, kernel), new Range(0x1000, TWO_PAGES)))) {
      assertEquals(0x1009, image.memory().getLong(0x2008));
    }
    kernel[8] ^= 1;
    String message = refusal(Dumps.elf(new Range(0x2000, kernel), new Range(0x1000, TWO_PAGES)));
    assertTrue(message.contains("overlap at physical address 0x2008"), message);
  }

  @Test
  void aCoreOfXenIsRefusedByName() {
    byte[] elf = Arrays.copyOf(Dumps.elf(), 64 + 128 + 16);
    var buffer = ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(40, 64).putShort(58, (short) 64).putShort(60, (short) 2);
    buffer.putLong(64 + 24, 192).putInt(128, 1);
    buffer.put(193, ".xen_pages".getBytes(StandardCharsets.US_ASCII));
    assertTrue(refusal(elf).contains("Xen"), refusal(elf));
  }

  @ParameterizedTest
  @ValueSource(ints = {100, PAGE, 1 << 20})
  void aFlattenedCoreIsPutInOrder(int blockBytes) throws IOException {
    byte[] elf = Dumps.elf(new Range(0x1000, TWO_PAGES));
    try (MemoryImage image = open(Dumps.flattened(elf, blockBytes))) {
      assertEquals(0x1009, image.memory().getLong(0x2008));
    }
  }

  @Test
  void aFlattenedDumpThatLiesIsRefused() {
    byte[] flat = Dumps.flattened(Dumps.elf(new Range(0x1000, TWO_PAGES)), PAGE);
    assertTrue(refusal(Arrays.copyOf(flat, flat.length - 16)).contains("truncated"));
    assertTrue(refusal(Arrays.copyOf(flat, 100)).contains("cut short"));
    byte[] version = flat.clone();
    version[31] = 9;
    assertTrue(refusal(version).contains("version 1"));
    byte[] offset = flat.clone();
    offset[PAGE] = 1;
    assertTrue(refusal(offset).contains("cannot be"));
    assertTrue(refusal(Dumps.flattened(TWO_PAGES, PAGE)).contains("neither"));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1})
  void aKdumpWithoutOrWithZlibIsReadAlsoFlattened(int flags) throws IOException {
    byte[] dump = Dumps.kdump(flags, Dumps.memory(4 * PAGE), 1, 2, 7, 4000);
    for (byte[] file : new byte[][] {dump, Dumps.flattened(dump, 10_000)}) {
      try (MemoryImage image = open(file)) {
        assertEquals(0x1009, image.memory().getLong(0x2008));
        assertEquals(0x2001, image.memory().getLong(0x7000));
        assertEquals(0x3001, image.memory().getLong(4000L * PAGE));
        assertFalse(image.memory().isBacked(0x3000));
        assertFalse(image.memory().isBacked(0));
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"2, lzo", "4, snappy", "32, zstd", "3, flags 0x3"})
  void aKdumpOfAnotherCompressionIsRefusedByName(int flags, String word) {
    assertTrue(refusal(Dumps.kdump(flags, TWO_PAGES, 3, 4)).contains(word));
  }

  @ParameterizedTest
  @CsvSource({
    "429, 0x20, blocks of",
    "4108, 1, split",
    "436, 3, do not fit",
    "438, 1, do not fit",
    "16390, 1, beyond the file's end",
    "16393, 0x40, beyond the file's end"
  })
  void aKdumpThatLiesIsRefused(int at, String value, String words) {
    byte[] dump = Dumps.kdump(0, TWO_PAGES, 3, 4);
    dump[at] = (byte) (int) Integer.decode(value);
    assertTrue(refusal(dump).contains(words), refusal(dump));
  }

  @Test
  void aKdumpThatIsCutShortOrDamagedIsRefused() {
    byte[] dump = Dumps.kdump(1, TWO_PAGES, 3, 4);
    assertTrue(refusal(Arrays.copyOf(dump, 4 * PAGE + 10)).contains("truncated"));
    assertTrue(refusal(Arrays.copyOf(dump, PAGE)).contains("cut short"));
    Arrays.fill(dump, dump.length - 20, dump.length, (byte) 0x55);
    assertTrue(refusal(dump).contains("page 0x4"), refusal(dump));
  }

  @Test
  void onlyRawMemoryTakesABase() {
    for (byte[] bytes :
        new byte[][] {
          Dumps.lime(new Range(0, TWO_PAGES)),
          Dumps.kdump(0, TWO_PAGES, 3, 4),
          Dumps.flattened(Dumps.elf(new Range(0, TWO_PAGES)), PAGE)
        }) {
      Path file = temporary.resolve("based");
      assertThrows(
          BadInput.class,
          () -> MemoryImage.open(Files.write(file, bytes).toString(), OptionalLong.of(0)).close());
    }
  }
}
