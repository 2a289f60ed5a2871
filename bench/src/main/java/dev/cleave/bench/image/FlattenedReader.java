package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * A flattened dump: what makedumpfile and QEMU write where they cannot seek. Its records say where
 * in the real file each block belongs. All numbers are big-endian.
 *
 * <pre>
 *  header, 4096 bytes   0 "makedumpfile"  16 type, 1  24 version, 1
 *  record               0 offset in the real file  8 size  16 that many bytes
 *  the end              a record of offset -1 and size -1
 * </pre>
 */
final class FlattenedReader {
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

  private static final int HEADER_BYTES = 4096;
  private static final int RECORD_BYTES = 16;

  /** A block: where it belongs, and its bytes. */
  record Block(long offset, MemorySegment bytes) {}

  private FlattenedReader() {}

  /**
   * The blocks of a dump, in the order in which they were written: a later one replaces.
   *
   * @param name what to call the file
   * @param file its bytes
   * @param limit where the real file ends at the latest
   * @throws BadInput if it contradicts itself
   */
  static List<Block> parse(String name, MemorySegment file, long limit) {
    if (file.byteSize() < HEADER_BYTES) {
      throw BadInput.in(name, "the header of makedumpfile is cut short, expected 4096 bytes");
    }
    long type = file.get(U64, 16);
    long version = file.get(U64, 24);
    if (type != 1 || version != 1) {
      throw BadInput.in(
          name,
          "a flattened dump has type 1 and version 1, found %d and %d".formatted(type, version));
    }
    List<Block> blocks = new ArrayList<>();
    for (long at = HEADER_BYTES; ; ) {
      if (file.byteSize() - at < RECORD_BYTES) {
        throw BadInput.in(
            name, "the dump ends at offset 0x%x without its end record: truncated".formatted(at));
      }
      long offset = file.get(U64, at);
      long bytes = file.get(U64, at + 8);
      at += RECORD_BYTES;
      if (offset == -1 && bytes == -1) {
        return blocks;
      }
      if (offset < 0 || bytes <= 0 || bytes > limit - offset || bytes > file.byteSize() - at) {
        throw BadInput.in(
            name,
            "the record at offset 0x%x, 0x%x bytes for offset 0x%x, cannot be"
                .formatted(at - RECORD_BYTES, bytes, offset));
      }
      blocks.add(new Block(offset, file.asSlice(at, bytes)));
      at += bytes;
    }
  }

  /**
   * Puts blocks where they belong.
   *
   * @return a temporary file, which the caller deletes
   */
  static Path rearranged(List<Block> blocks) throws IOException {
    Path file = Files.createTempFile("cleave", ".img");
    try (FileChannel out = FileChannel.open(file, StandardOpenOption.WRITE)) {
      for (Block block : blocks) {
        Inputs.write(out, block.offset, block.bytes);
      }
      return file;
    } catch (IOException | RuntimeException e) {
      Inputs.delete(file);
      throw e;
    }
  }
}
