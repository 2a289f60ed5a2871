package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory.Piece;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * An ELF64 core as QEMU's dump-guest-memory writes it: every PT_LOAD segment is memory at {@code
 * p_paddr}. A dump made with paging lists the same memory once per virtual address; such segments
 * become one, and so does memory that a vmcore lists twice. Pages that a segment holds in part are
 * left out.
 *
 * <pre>
 *  file header   4 class  5 byte order  16 type  32 phoff  40 shoff  54 phentsize  56 phnum
 *  program header   0 type  8 offset  24 paddr  32 filesz  40 memsz
 *  section header 0, only when phnum is 0xffff   44 the real number
 * </pre>
 */
final class ElfCoreReader {
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int HEADER_BYTES = 64;
  private static final int CLASS_64 = 2;
  private static final int LITTLE_ENDIAN = 1;
  private static final int TYPE_CORE = 4;
  private static final int PROGRAM_HEADER_BYTES = 56;
  private static final int MANY_SEGMENTS = 0xFFFF;
  private static final int SECTION_INFO = 44;
  private static final int PT_LOAD = 1;

  /** A PT_LOAD segment: where in memory, where in the file, how many bytes. */
  private record Load(long paddr, long offset, long bytes) {
    /** Without the pieces of pages at its ends, where no table can lie. */
    Load wholePages() {
      long head = -paddr & Geometry.offsetMask(Geometry.PAGE_LOG2);
      return from(Math.min(head, bytes))
          .first((bytes - Math.min(head, bytes)) & -Geometry.PAGE_BYTES);
    }

    Load from(long skipped) {
      return new Load(paddr + skipped, offset + skipped, bytes - skipped);
    }

    Load first(long kept) {
      return new Load(paddr, offset, kept);
    }
  }

  private final String name;
  private final MemorySegment file;

  private ElfCoreReader(String name, MemorySegment file) {
    this.name = name;
    this.file = file;
  }

  /**
   * The memory of a core.
   *
   * @param name what to call the file
   * @param file its bytes
   * @throws BadInput if it contradicts itself
   */
  static List<Piece> parse(String name, MemorySegment file) {
    ElfCoreReader reader = new ElfCoreReader(name, file);
    return reader.disjoint(reader.merged(reader.loads())).stream()
        .map(load -> new Piece(load.paddr, file.asSlice(load.offset, load.bytes)))
        .toList();
  }

  private List<Load> loads() {
    if (file.byteSize() < HEADER_BYTES) {
      throw bad("the ELF header is cut short: %d bytes, expected 64".formatted(file.byteSize()));
    }
    expect("class", file.get(ValueLayout.JAVA_BYTE, 4), CLASS_64, "64-bit");
    expect("byte order", file.get(ValueLayout.JAVA_BYTE, 5), LITTLE_ENDIAN, "little-endian");
    expect("type", file.get(U16, 16), TYPE_CORE, "a core");
    expect("program header size", file.get(U16, 54), PROGRAM_HEADER_BYTES, "that of ELF64");
    long at = file.get(U64, 32);
    long count = segments();
    if (!holds(at, count * PROGRAM_HEADER_BYTES)) {
      throw bad(
          "%d program headers at offset 0x%x lie beyond the file's end at 0x%x"
              .formatted(count, at, file.byteSize()));
    }
    List<Load> loads = new ArrayList<>();
    for (long i = 0; i < count; i++) {
      long header = at + i * PROGRAM_HEADER_BYTES;
      if (file.get(U32, header) == PT_LOAD && file.get(U64, header + 32) != 0) {
        Load load = load(header, i);
        if (load.bytes > 0) {
          loads.add(load);
        }
      }
    }
    if (loads.isEmpty()) {
      throw bad(
          ElfSections.has(file, ".xen_pages")
              ? "is a core of Xen (.xen_pages), which inspect does not read"
              : "no PT_LOAD segment holds any memory");
    }
    return loads;
  }

  private long segments() {
    int count = Short.toUnsignedInt(file.get(U16, 56));
    if (count != MANY_SEGMENTS) {
      return count;
    }
    long section = file.get(U64, 40);
    if (section < HEADER_BYTES || !holds(section, HEADER_BYTES)) {
      throw bad(
          "the section header with the number of segments cannot be at offset 0x%x"
              .formatted(section));
    }
    return Integer.toUnsignedLong(file.get(U32, section + SECTION_INFO));
  }

  private Load load(long header, long number) {
    Load load =
        new Load(file.get(U64, header + 24), file.get(U64, header + 8), file.get(U64, header + 32));
    long memoryBytes = file.get(U64, header + 40);
    if (!holds(load.offset, load.bytes)) {
      throw bad(
          "segment %d, 0x%x bytes at offset 0x%x, lies beyond the file's end at 0x%x"
              .formatted(number, load.bytes, load.offset, file.byteSize()));
    }
    if (Long.compareUnsigned(memoryBytes, load.bytes) < 0) {
      throw bad(
          "segment %d has 0x%x bytes in the file and only 0x%x in memory"
              .formatted(number, load.bytes, memoryBytes));
    }
    if (Long.compareUnsigned(load.paddr + load.bytes - 1, load.paddr) < 0) {
      throw bad(
          "segment %d must end at or below 2^64: 0x%x bytes at physical address 0x%x"
              .formatted(number, load.bytes, load.paddr));
    }
    return load.wholePages();
  }

  /** Joins segments that show the same memory from the same place in the file. */
  private List<Load> merged(List<Load> loads) {
    loads.sort(Comparator.comparing(Load::paddr, Long::compareUnsigned));
    List<Load> merged = new ArrayList<>();
    for (Load load : loads) {
      Load last = merged.isEmpty() ? null : merged.getLast();
      boolean joins =
          last != null
              && Long.compareUnsigned(load.paddr - last.paddr, last.bytes) <= 0
              && load.paddr - last.paddr == load.offset - last.offset;
      if (joins) {
        long bytes = Math.max(last.bytes, load.paddr - last.paddr + load.bytes);
        merged.set(merged.size() - 1, new Load(last.paddr, last.offset, bytes));
      } else {
        merged.add(load);
      }
    }
    return merged;
  }

  /**
   * Takes out what a segment before shows already: a vmcore has the kernel's text once more for its
   * other virtual address, from another place in the file.
   */
  private List<Load> disjoint(List<Load> loads) {
    List<Load> disjoint = new ArrayList<>();
    for (Load load : loads) {
      Load last = disjoint.isEmpty() ? null : disjoint.getLast();
      long shared = last == null ? 0 : shared(last, load);
      if (shared > 0) {
        MemorySegment before = file.asSlice(last.offset + (load.paddr - last.paddr), shared);
        long differs = before.mismatch(file.asSlice(load.offset, shared));
        if (differs >= 0) {
          throw bad(
              "two segments overlap at physical address 0x%x and hold different bytes"
                  .formatted(load.paddr + differs));
        }
      }
      if (shared < load.bytes) {
        disjoint.add(load.from(shared));
      }
    }
    return disjoint;
  }

  /** How many bytes at the beginning of a load an earlier one holds. */
  private static long shared(Load earlier, Load load) {
    long distance = load.paddr - earlier.paddr;
    return Long.compareUnsigned(distance, earlier.bytes) >= 0
        ? 0
        : Math.min(earlier.bytes - distance, load.bytes);
  }

  private boolean holds(long offset, long bytes) {
    return offset >= 0 && bytes >= 0 && bytes <= file.byteSize() - offset;
  }

  private void expect(String what, int found, int expected, String words) {
    if (found != expected) {
      throw bad("ELF %s is %d, expected %d (%s)".formatted(what, found, expected, words));
    }
  }

  private BadInput bad(String wrong) {
    return BadInput.in(name, wrong);
  }
}
