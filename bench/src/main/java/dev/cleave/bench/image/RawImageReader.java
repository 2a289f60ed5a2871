package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.MemorySegment;

/** Raw memory: byte n of the file is byte n of memory, from a base address on. */
final class RawImageReader {
  private RawImageReader() {}

  static void read(String name, MemorySegment file, long base, PhysicalMemory memory) {
    if (file.byteSize() == 0 || file.byteSize() % Geometry.PAGE_BYTES != 0) {
      throw BadInput.in(
          name,
          "holds %d bytes, expected whole 4096-byte pages of raw memory (or an ELF core, or a"
                  .formatted(file.byteSize())
              + " directory with pages.idx)");
    }
    try {
      memory.add(base, file);
    } catch (IllegalArgumentException e) {
      throw BadInput.in(name, "does not fit at --base: " + e.getMessage());
    }
  }
}
