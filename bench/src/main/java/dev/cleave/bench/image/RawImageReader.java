package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory.Piece;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** Raw memory: byte n of the file is byte n of memory, from a base address on. */
final class RawImageReader {
  private RawImageReader() {}

  /**
   * The memory of a file.
   *
   * @param base physical address of its first byte
   * @throws BadInput if it is no whole pages, or does not fit below 2^64
   */
  static List<Piece> parse(String name, MemorySegment file, long base) {
    if (file.byteSize() == 0 || file.byteSize() % Geometry.PAGE_BYTES != 0) {
      throw BadInput.in(
          name,
          "holds %d bytes, expected whole 4096-byte pages of raw memory (or an ELF core, a LiME"
                  .formatted(file.byteSize())
              + " image, a makedumpfile dump, or a directory with pages.idx)");
    }
    if ((base & Geometry.offsetMask(Geometry.PAGE_LOG2)) != 0
        || Long.compareUnsigned(base + file.byteSize() - 1, base) < 0) {
      throw BadInput.in(
          name,
          "does not fit at --base 0x%x, expected a multiple of 4096 with 0x%x bytes below 2^64"
              .formatted(base, file.byteSize()));
    }
    return List.of(new Piece(base, file));
  }
}
