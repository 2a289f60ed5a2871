package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory.Piece;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * A LiME image, version 1: a header before each range of memory. AVML writes the same when it does
 * not compress. Pages of which a range holds a part only are left out.
 *
 * <pre>
 *  header, 32 bytes   0 magic  4 version  8 first address  16 last address, inclusive  24 reserved
 * </pre>
 */
final class LimeReader {
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int MAGIC = 0x4C69_4D45;
  private static final int HEADER_BYTES = 32;

  private LimeReader() {}

  /**
   * The memory of an image.
   *
   * @param name what to call the file
   * @param file its bytes
   * @throws BadInput if it contradicts itself
   */
  static List<Piece> parse(String name, MemorySegment file) {
    List<Piece> pieces = new ArrayList<>();
    for (long at = 0; at < file.byteSize(); ) {
      if (file.byteSize() - at < HEADER_BYTES) {
        throw BadInput.in(name, "the LiME header at offset 0x%x is cut short".formatted(at));
      }
      if (file.get(U32, at) != MAGIC || file.get(U32, at + 4) != 1) {
        throw BadInput.in(
            name,
            "no LiME header of version 1 at offset 0x%x, where a range should begin".formatted(at));
      }
      long first = file.get(U64, at + 8);
      long bytes = file.get(U64, at + 16) - first + 1;
      at += HEADER_BYTES;
      if (bytes <= 0 || bytes > file.byteSize() - at) {
        throw BadInput.in(
            name,
            "the LiME range 0x%x to 0x%x at offset 0x%x lies beyond the file's end at 0x%x"
                .formatted(first, first + bytes - 1, at, file.byteSize()));
      }
      add(pieces, first, file.asSlice(at, bytes));
      at += bytes;
    }
    if (pieces.isEmpty()) {
      throw BadInput.in(name, "no LiME range holds a whole page");
    }
    return pieces;
  }

  private static void add(List<Piece> pieces, long first, MemorySegment range) {
    long head = -first & Geometry.offsetMask(Geometry.PAGE_LOG2);
    long whole = (range.byteSize() - head) & -Geometry.PAGE_BYTES;
    if (head < range.byteSize() && whole > 0) {
      pieces.add(new Piece(first + head, range.asSlice(head, whole)));
    }
  }
}
