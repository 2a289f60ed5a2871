package dev.cleave.bench.image;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The names of an ELF64 file's sections.
 *
 * <pre>
 *  file header   40 shoff  58 shentsize  60 shnum  62 shstrndx
 *  section header   0 name, an offset into the section of names  24 offset  32 size
 * </pre>
 */
final class ElfSections {
  private static final ValueLayout.OfShort U16 =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt U32 =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong U64 =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int HEADER_BYTES = 64;

  private ElfSections() {}

  /** Whether a file, whose own header is whole, has a section; false also where headers lie. */
  static boolean has(MemorySegment file, String name) {
    long headers = file.get(U64, 40);
    int count = Short.toUnsignedInt(file.get(U16, 60));
    int names = Short.toUnsignedInt(file.get(U16, 62));
    long fits = headers < 0 ? 0 : (file.byteSize() - headers) / HEADER_BYTES;
    if (file.get(U16, 58) != HEADER_BYTES || names >= count || fits < count) {
      return false;
    }
    long start = file.get(U64, headers + (long) names * HEADER_BYTES + 24);
    byte[] wanted = (name + '\0').getBytes(StandardCharsets.US_ASCII);
    for (int i = 0; i < count; i++) {
      long at = start + Integer.toUnsignedLong(file.get(U32, headers + (long) i * HEADER_BYTES));
      if (at >= 0
          && at <= file.byteSize() - wanted.length
          && file.asSlice(at, wanted.length).mismatch(MemorySegment.ofArray(wanted)) < 0) {
        return true;
      }
    }
    return false;
  }
}
