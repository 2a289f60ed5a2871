package dev.cleave.bench.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.zip.Deflater;

/** Memory images in every form, of pages whose words name their place in the file. */
public final class Dumps {
  public static final int PAGE = 4096;

  private Dumps() {}

  /** A range of memory in an image. */
  public static final class Range {
    private final long start;
    private final byte[] bytes;

    public Range(long start, byte[] bytes) {
      this.start = start;
      this.bytes = bytes;
    }
  }

  /** Bytes whose words are the place of the word and one more. */
  public static byte[] memory(int bytes) {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.remaining() >= Long.BYTES) {
      buffer.putLong(buffer.position() + 1L);
    }
    return buffer.array();
  }

  public static byte[] lime(Range... ranges) {
    int size = Arrays.stream(ranges).mapToInt(range -> 32 + range.bytes.length).sum();
    ByteBuffer lime = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
    for (Range range : ranges) {
      lime.putInt(0x4C694D45).putInt(1).putLong(range.start);
      lime.putLong(range.start + range.bytes.length - 1).putLong(0).put(range.bytes);
    }
    return lime.array();
  }

  /** A core with as many segments as ranges; from 65535 on their number is in a section header. */
  public static byte[] elf(Range... ranges) {
    int memory = Arrays.stream(ranges).mapToInt(range -> range.bytes.length).sum();
    boolean isMany = ranges.length >= 0xFFFF;
    int headers = 64 + (isMany ? 64 : 0);
    int offset = headers + 56 * ranges.length;
    ByteBuffer elf = ByteBuffer.allocate(offset + memory).order(ByteOrder.LITTLE_ENDIAN);
    elf.put(0, new byte[] {0x7F, 'E', 'L', 'F', 2, 1, 1});
    elf.putShort(16, (short) 4).putShort(18, (short) 62).putInt(20, 1).putLong(32, headers);
    elf.putShort(52, (short) 64).putShort(54, (short) 56);
    elf.putShort(56, isMany ? (short) 0xFFFF : (short) ranges.length);
    if (isMany) {
      elf.putLong(40, 64).putInt(64 + 44, ranges.length);
    }
    for (int i = 0; i < ranges.length; i++) {
      int at = headers + 56 * i;
      elf.putInt(at, 1).putLong(at + 8, offset).putLong(at + 24, ranges[i].start);
      elf.putLong(at + 32, ranges[i].bytes.length).putLong(at + 40, ranges[i].bytes.length);
      elf.put(offset, ranges[i].bytes);
      offset += ranges[i].bytes.length;
    }
    return elf.array();
  }

  /** A file cut into blocks that are written last to first. */
  public static byte[] flattened(byte[] file, int blockBytes) {
    int blocks = (file.length + blockBytes - 1) / blockBytes;
    ByteBuffer flat = ByteBuffer.allocate(PAGE + file.length + 16 * (blocks + 1));
    flat.put("makedumpfile".getBytes(StandardCharsets.US_ASCII)).putLong(16, 1).putLong(24, 1);
    flat.position(PAGE);
    for (int block = blocks - 1; block >= 0; block--) {
      int at = block * blockBytes;
      int bytes = Math.min(blockBytes, file.length - at);
      flat.putLong(at).putLong(bytes).put(file, at, bytes);
    }
    return flat.putLong(-1).putLong(-1).array();
  }

  /**
   * A kdump-compressed dump.
   *
   * @param flags 0, or 1 for zlib; what else is stored as it is
   * @param pages numbers of pages, ascending, below 4096 * 8
   */
  public static byte[] kdump(int flags, byte[] bytes, int... pages) {
    byte[][] stored = new byte[pages.length][];
    for (int i = 0; i < pages.length; i++) {
      byte[] page = Arrays.copyOfRange(bytes, i * PAGE, (i + 1) * PAGE);
      stored[i] = flags == 1 ? deflated(page) : page;
    }
    int data = Arrays.stream(stored).mapToInt(page -> page.length).sum();
    int descriptors = 4 * PAGE;
    int offset = descriptors + 24 * pages.length;
    ByteBuffer dump = ByteBuffer.allocate(offset + data).order(ByteOrder.LITTLE_ENDIAN);
    dump.put(0, "KDUMP   ".getBytes(StandardCharsets.US_ASCII)).putInt(8, 6);
    dump.putInt(428, PAGE).putInt(432, 1).putInt(436, 2);
    // The machine has more pages than were dumped.
    Arrays.fill(dump.array(), 2 * PAGE, 2 * PAGE + PAGE / 2, (byte) -1);
    for (int i = 0; i < pages.length; i++) {
      int bit = 3 * PAGE + pages[i] / 8;
      dump.put(bit, (byte) (dump.get(bit) | 1 << pages[i] % 8));
      int at = descriptors + 24 * i;
      dump.putLong(at, offset).putInt(at + 8, stored[i].length).putInt(at + 12, flags);
      dump.put(offset, stored[i]);
      offset += stored[i].length;
    }
    return dump.array();
  }

  private static byte[] deflated(byte[] bytes) {
    try (Deflater deflater = new Deflater()) {
      deflater.setInput(bytes);
      deflater.finish();
      byte[] out = new byte[2 * bytes.length];
      return Arrays.copyOf(out, deflater.deflate(out));
    }
  }
}
