package dev.cleave.bench.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.DeviceTableEntry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** All three kinds of image, good and bad. */
class MemoryImageTest {
  private static final int PAGE = 4096;

  /** As in a real dump, whose notes push memory to an odd place in the file. */
  private static final int ODD = 0x3D4;

  @TempDir Path temporary;

  private static MemoryImage open(Path path) {
    return MemoryImage.open(path.toString(), OptionalLong.empty());
  }

  private String refusal(Path path) {
    String message = assertThrows(BadInput.class, () -> open(path).close()).getMessage();
    assertTrue(message.startsWith(path.toString()), message);
    return message;
  }

  private Path file(String name, byte[] bytes) throws IOException {
    return Files.write(temporary.resolve(name), bytes);
  }

  private static byte[] gzip(byte[] bytes) throws IOException {
    var out = new ByteArrayOutputStream();
    try (OutputStream zip = new GZIPOutputStream(out)) {
      zip.write(bytes);
    }
    return out.toByteArray();
  }

  private static byte[] bytes(ByteBuffer buffer) {
    byte[] bytes = new byte[buffer.capacity()];
    buffer.get(0, bytes);
    return bytes;
  }

  private static byte[] memory(int pages) {
    ByteBuffer bytes = ByteBuffer.allocate(pages * PAGE).order(ByteOrder.LITTLE_ENDIAN);
    while (bytes.hasRemaining()) {
      bytes.putLong(bytes.position() + 1L);
    }
    return bytes.array();
  }

  @Test
  void rawMemoryBeginsAtItsBasePackedOrNot() throws IOException {
    for (Path path : List.of(file("raw", memory(3)), file("raw.gz", gzip(memory(3))))) {
      try (MemoryImage image = MemoryImage.open(path.toString(), OptionalLong.of(0x1_0000_0000L))) {
        assertEquals(0x2009, image.memory().getLong(0x1_0000_2008L));
        assertFalse(image.memory().isBacked(0x1_0000_3000L));
        assertFalse(image.memory().isBacked(0));
      }
    }
  }

  @Test
  void rawMemoryIsWholePagesThatFitBelowTheEndOfTheAddressSpace() throws IOException {
    assertTrue(refusal(file("short", new byte[PAGE + 1])).contains("4097 bytes"));
    assertTrue(refusal(file("empty", new byte[0])).contains("0 bytes"));
    Path raw = file("raw", memory(2));
    for (long base : new long[] {-PAGE, 0x800}) {
      assertThrows(
          BadInput.class, () -> MemoryImage.open(raw.toString(), OptionalLong.of(base)).close());
    }
  }

  /**
   * An ELF core of two segments, the first at 1 MiB with two pages, the second at 4 GiB with one.
   */
  private static ByteBuffer core() {
    ByteBuffer elf = ByteBuffer.allocate(ODD + 3 * PAGE).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(0, new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1});
    elf.putShort(16, (short) 4).putShort(18, (short) 62).putInt(20, 1);
    elf.putLong(32, 64).putShort(52, (short) 64).putShort(54, (short) 56).putShort(56, (short) 3);
    elf.putInt(64, 4).putLong(64 + 8, 0x200).putLong(64 + 32, 0x100).putLong(64 + 40, 0x100);
    segment(elf, 1, 0x10_0000, ODD, 2 * PAGE);
    segment(elf, 2, 0x1_0000_0000L, ODD + 2 * PAGE, PAGE);
    return elf.put(ODD, memory(3));
  }

  private static void segment(ByteBuffer elf, int number, long paddr, long offset, long bytes) {
    int at = 64 + 56 * number;
    elf.putInt(at, 1).putLong(at + 8, offset).putLong(at + 24, paddr);
    elf.putLong(at + 32, bytes).putLong(at + 40, bytes);
  }

  @Test
  void theSegmentsOfACoreLieAtTheirPhysicalAddresses() throws IOException {
    for (Path path : List.of(file("core", bytes(core())), file("core.gz", gzip(bytes(core()))))) {
      try (MemoryImage image = open(path)) {
        assertEquals(0x1009, image.memory().getLong(0x10_1008));
        assertEquals(0x2001, image.memory().getLong(0x1_0000_0000L));
        assertFalse(image.memory().isBacked(0x10_2000));
      }
    }
  }

  @Test
  void segmentsThatShowTheSameMemoryTwiceAreOne() throws IOException {
    ByteBuffer elf = core();
    segment(elf, 2, 0x10_1000, ODD + PAGE, 2 * PAGE);
    try (MemoryImage image = open(file("core", bytes(elf)))) {
      assertEquals(0x2009, image.memory().getLong(0x10_2008));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "4, 1, 1, class",
    "5, 1, 2, byte order",
    "16, 2, 2, type",
    "54, 2, 32, program header size",
    "32, 8, -1, program headers",
    "32, 8, 99999, program headers",
    "56, 2, 0, no PT_LOAD",
    "56, 2, 65534, program headers",
    "56, 2, 65535, section header",
    "128, 8, 99999, beyond the file",
    "128, 8, -4096, beyond the file",
    "152, 8, 0x7ffffffffffff000, beyond the file",
    "144, 8, -4096, at or below 2^64",
    "160, 8, 4096, only 0x1000 in memory",
    "200, 8, 0x101000, overlap"
  })
  void aCoreThatLiesIsRefused(int at, int bytes, String value, String words) throws IOException {
    ByteBuffer elf = core();
    long number = Long.decode(value);
    switch (bytes) {
      case 1 -> elf.put(at, (byte) number);
      case 2 -> elf.putShort(at, (short) number);
      default -> elf.putLong(at, number);
    }
    String message = refusal(file("core", bytes(elf)));
    assertTrue(message.contains(words), message);
  }

  @Test
  void aCoreThatIsCutShortIsRefused() throws IOException {
    byte[] whole = bytes(core());
    assertTrue(refusal(file("cut", Arrays.copyOf(whole, 40))).contains("cut short"));
    assertTrue(refusal(file("cut", Arrays.copyOf(whole, whole.length - 1))).contains("beyond"));
  }

  @Test
  void aCoreSaysItselfWhereItLies() throws IOException {
    String core = file("core", bytes(core())).toString();
    assertThrows(BadInput.class, () -> MemoryImage.open(core, OptionalLong.of(0)).close());
  }

  @Test
  void whatTheWriterWritesTheReaderReads() {
    long top = 0xFFFF_FFFF_F000L;
    Tables tables =
        new Tables().leaf(0x3000, 1, 0x1000, 12).leaf(0x4000, 2, 0x2000, 12).leaf(top, 3, 0, 12);
    DeviceId device = DeviceId.parse("1f:1e.7");
    var devices = new LinkedHashMap<DeviceId, DeviceTableEntry>();
    devices.put(device, DeviceTableEntry.v1(0x3000, 4, 9));
    Manifest manifest =
        new Manifest(
            OptionalLong.of(0x80_0001),
            devices,
            List.of(
                new Manifest.Domain(9, 0x3000, 4, List.of(device)),
                new Manifest.Domain(2, 0x4000, 1, List.of())),
            "rmp-dump.dmesg");
    try (MemoryImage image = open(tables.write(temporary.resolve("new/image"), manifest))) {
      assertEquals(manifest, image.manifest().orElseThrow());
      for (long page : tables.pages()) {
        for (long at = page; at < page + PAGE; at += 8) {
          assertEquals(tables.memory().getLong(at), image.memory().getLong(at));
        }
      }
    }
  }

  private Path pageImage(String index, byte[] pages) throws IOException {
    Files.writeString(temporary.resolve("pages.idx"), index);
    file("pages.bin", pages);
    return temporary;
  }

  @Test
  void anIndexNeedsNoPrefixAndMayEndWithoutALineFeed() throws IOException {
    try (MemoryImage image = open(pageImage("1000\r\n0x3000", memory(2)))) {
      assertEquals(0x1001, image.memory().getLong(0x3000));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "0x1000\n0x1000\n",
        "0x2000\n0x1000\n",
        "0x1000\n0x2001\n",
        "0x1000\nbanana\n",
        "0x1000\n\n",
        "0x1000\n-1\n",
        "0x1000\n0x10000000000000000\n"
      })
  void aBadIndexIsRefusedWithItsLine(String index) throws IOException {
    assertTrue(refusal(pageImage(index, memory(2))).contains("pages.idx:2: "));
  }

  @Test
  void anEndlessLineIsNotReadToItsEnd() throws IOException {
    assertTrue(refusal(pageImage("f".repeat(1 << 20), memory(1))).length() < 300);
  }

  @Test
  void pagesAndIndexMustAgree() throws IOException {
    assertTrue(refusal(pageImage("0x1000\n", memory(2))).contains("8192 bytes"));
    assertTrue(refusal(pageImage("0x1000\n0x2000\n", memory(1))).contains("2 pages"));
    Files.delete(temporary.resolve("pages.bin"));
    assertTrue(refusal(temporary).contains("neither"));
    assertTrue(refusal(pageImage("", memory(1))).contains("no page"));
    Files.delete(temporary.resolve("pages.idx"));
    assertTrue(refusal(temporary).contains("no pages.idx"));
  }

  @Test
  void packedPagesMustBeWholeAndNoMoreThanTheIndexSays() throws IOException {
    Files.writeString(temporary.resolve("pages.idx"), "0x1000\n");
    byte[] packed = gzip(memory(1));
    file("pages.bin.gz", Arrays.copyOf(packed, packed.length / 2));
    assertTrue(refusal(temporary).contains("pages.bin.gz"));
    file("pages.bin.gz", "not gzip at all".getBytes(StandardCharsets.UTF_8));
    assertTrue(refusal(temporary).contains("GZIP"));
    file("pages.bin.gz", gzip(new byte[1 << 24]));
    assertTrue(refusal(temporary).contains("more than the 4096 bytes"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{",
        "null",
        "{\"domains\":3}",
        "{}",
        "{\"domains\":[{\"root\":\"0x1000\",\"mode\":3}]}",
        "{\"domains\":[{\"domain_id\":1,\"root\":\"0x1001\",\"mode\":3}]}",
        "{\"domains\":[{\"domain_id\":1,\"root\":\"0x1000\",\"mode\":8}]}",
        "{\"domains\":[{\"domain_id\":65536,\"root\":\"0x1000\",\"mode\":3}]}",
        "{\"domains\":[{\"domain_id\":1,\"root\":{},\"mode\":3}]}",
        "{\"domains\":[{\"domain_id\":1,\"root\":\"0x1000\",\"mode\":3,\"devices\":[\"x\"]}]}",
        "{\"domains\":[],\"iommu_devices\":{\"00:01.0\":{\"dte_raw\":\"12\"}}}",
        "{\"domains\":[],\"iommu_devices\":{\"00:01.0\":{}}}",
        "{\"domains\":[],\"page_image\":{\"n_pages\":2}}",
        "{\"domains\":[],\"page_image\":7}",
        "{\"domains\":[],\"rmp\":{}}",
        "{\"domains\":[],\"rmp\":7}",
        "{\"domains\":[],\"rmp\":{\"dump\":\"../other\"}}",
        "{\"domains\":[],\"rmp\":{\"dump\":\"/etc/passwd\"}}"
      })
  void aBadManifestIsRefused(String json) throws IOException {
    pageImage("0x1000\n", memory(1));
    Files.writeString(temporary.resolve("manifest.json"), json);
    String message = refusal(temporary);
    assertTrue(message.contains("manifest.json: "), message);
    assertFalse(message.contains("Exception"), message);
  }

  @Test
  void aManifestThatIsNotUtf8IsRefused() throws IOException {
    pageImage("0x1000\n", memory(1));
    file("manifest.json", new byte[] {'{', '"', (byte) 0xFF, '"'});
    assertTrue(refusal(temporary).contains("not UTF-8"));
  }

  @Test
  void aManifestOfAHundredThousandBracketsIsRefused() throws IOException {
    pageImage("0x1000\n", memory(1));
    Files.writeString(temporary.resolve("manifest.json"), "[".repeat(100_000));
    assertTrue(refusal(temporary).contains("manifest.json: "));
  }
}
