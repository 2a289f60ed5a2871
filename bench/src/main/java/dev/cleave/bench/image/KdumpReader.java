package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory.Piece;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * A kdump-compressed dump of a 64-bit machine, whose pages are stored as they are or by zlib. They
 * are unpacked into a temporary file, in the order of their addresses.
 *
 * <pre>
 *  block 0       0 "KDUMP   "  8 version  428 block size  432 blocks of the sub-header
 *                436 blocks of both bitmaps
 *  sub-header    12 whether it is a part of a split dump
 *  bitmaps       the first: pages of the machine, the second: pages of the dump
 *  descriptors   24 bytes for each page of the dump: 0 offset  8 size  12 flags
 *  flags         0x1 zlib  0x2 lzo  0x4 snappy  0x20 zstd
 * </pre>
 *
 * <p>One object reads one dump. Not thread-safe.
 */
final class KdumpReader {
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private static final int BLOCK_BYTES = Geometry.PAGE_BYTES;
  private static final int DESCRIPTOR_BYTES = 24;
  private static final int ZLIB = 1;
  private static final int LZO = 1 << 1;
  private static final int SNAPPY = 1 << 2;
  private static final int ZSTD = 1 << 5;

  private final String name;
  private final MemorySegment file;
  private final byte[] page = new byte[BLOCK_BYTES];
  private final MemorySegment pageBytes = MemorySegment.ofArray(page);
  private final Inflater inflater = new Inflater();

  /** Runs of pages that follow each other: where each begins, in pages, and how many it has. */
  private final List<long[]> runs = new ArrayList<>();

  private KdumpReader(String name, MemorySegment file) {
    this.name = name;
    this.file = file;
  }

  /**
   * The memory of a dump.
   *
   * @param name what to call the file
   * @param file its bytes
   * @param arena what unmaps the unpacked pages
   * @throws BadInput if it contradicts itself, or is compressed by another method
   */
  static List<Piece> read(String name, MemorySegment file, Arena arena) throws IOException {
    Path unpacked = Files.createTempFile("cleave", ".img");
    KdumpReader reader = new KdumpReader(name, file);
    try (FileChannel out =
        FileChannel.open(unpacked, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      reader.unpack(out);
      return reader.pieces(out.map(MapMode.READ_ONLY, 0, out.size(), arena));
    } finally {
      reader.inflater.end();
      Inputs.delete(unpacked);
    }
  }

  private void unpack(FileChannel out) throws IOException {
    if (file.byteSize() < 2 * BLOCK_BYTES) {
      throw bad("the kdump headers are cut short");
    }
    int blockBytes = file.get(U32, 428);
    if (blockBytes != BLOCK_BYTES) {
      throw bad("blocks of %d bytes, expected those of an x86 host, 4096".formatted(blockBytes));
    }
    if (file.get(U32, BLOCK_BYTES + 12) != 0) {
      throw bad("is a part of a split dump: join the parts with makedumpfile --reassemble");
    }
    long subHeader = Integer.toUnsignedLong(file.get(U32, 432));
    long bitmaps = Integer.toUnsignedLong(file.get(U32, 436));
    long dumped = (1 + subHeader + bitmaps / 2) * BLOCK_BYTES;
    long descriptors = (1 + subHeader + bitmaps) * BLOCK_BYTES;
    if (bitmaps % 2 != 0 || descriptors > file.byteSize()) {
      throw bad(
          "two bitmaps of %d blocks behind %d blocks of sub-header do not fit the file"
              .formatted(bitmaps, subHeader));
    }
    long descriptor = descriptors;
    for (long at = dumped; at < descriptors; at += Long.BYTES) {
      long first = (at - dumped) * Byte.SIZE;
      for (long bits = file.get(U64, at); bits != 0; bits &= bits - 1) {
        descriptor = page(first + Long.numberOfTrailingZeros(bits), descriptor, out);
      }
    }
    if (runs.isEmpty()) {
      throw bad("dumps no page");
    }
  }

  /** Writes the page that a descriptor describes; returns where the next one is. */
  private long page(long number, long descriptor, FileChannel out) throws IOException {
    if (file.byteSize() - descriptor < DESCRIPTOR_BYTES) {
      throw bad("the descriptor of page 0x%x lies beyond the end: truncated".formatted(number));
    }
    long offset = file.get(U64, descriptor);
    int bytes = file.get(U32, descriptor + 8);
    int flags = file.get(U32, descriptor + 12);
    // What found no room on the disk has a descriptor of zeros.
    if (offset != 0) {
      if (offset < 0 || bytes <= 0 || bytes > file.byteSize() - offset) {
        throw bad(
            "page 0x%x, 0x%x bytes at offset 0x%x, lies beyond the file's end"
                .formatted(number, bytes, offset));
      }
      take(number, file.asSlice(offset, bytes), flags);
      Inputs.write(out, out.size(), pageBytes);
      long[] last = runs.isEmpty() ? null : runs.getLast();
      if (last != null && last[0] + last[1] == number) {
        last[1]++;
      } else {
        runs.add(new long[] {number, 1});
      }
    }
    return descriptor + DESCRIPTOR_BYTES;
  }

  private void take(long number, MemorySegment stored, int flags) {
    switch (flags & (ZLIB | LZO | SNAPPY | ZSTD)) {
      case 0 -> {
        if (stored.byteSize() != BLOCK_BYTES) {
          throw bad("page 0x%x has %d bytes".formatted(number, stored.byteSize()));
        }
        pageBytes.copyFrom(stored);
      }
      case ZLIB -> {
        inflater.reset();
        inflater.setInput(stored.asByteBuffer());
        try {
          if (inflater.inflate(page) != BLOCK_BYTES) {
            throw bad("page 0x%x unpacks to another size than 4096".formatted(number));
          }
        } catch (DataFormatException e) {
          throw bad("page 0x%x is damaged: %s".formatted(number, e.getMessage()));
        }
      }
      case LZO -> throw packed("lzo");
      case SNAPPY -> throw packed("snappy");
      case ZSTD -> throw packed("zstd");
      default -> throw bad("page 0x%x has flags 0x%x".formatted(number, flags));
    }
  }

  private BadInput packed(String method) {
    return bad(
        "is compressed by %s, which inspect does not read: convert it with makedumpfile -c (zlib)"
                .formatted(method)
            + " or -E (an ELF core), or look at it with crash or drgn");
  }

  private List<Piece> pieces(MemorySegment unpacked) {
    List<Piece> pieces = new ArrayList<>();
    long at = 0;
    for (long[] run : runs) {
      long bytes = run[1] * BLOCK_BYTES;
      pieces.add(new Piece(run[0] << Geometry.PAGE_LOG2, unpacked.asSlice(at, bytes)));
      at += bytes;
    }
    return pieces;
  }

  private BadInput bad(String wrong) {
    return BadInput.in(name, wrong);
  }
}
