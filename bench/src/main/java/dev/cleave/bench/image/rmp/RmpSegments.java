package dev.cleave.bench.image.rmp;

import dev.cleave.bench.dmesg.KernelLine;
import dev.cleave.bench.dmesg.KernelLines;
import dev.cleave.bench.image.rmp.MemoryRmp.Segment;
import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the segments of an RMP lie: by the table that the processor uses, or by the lines that
 * Linux prints of it at boot. A segment has no bookkeeping of its own.
 *
 * <pre>
 *  RMP base             bookkeeping, as before an RMP in one piece
 *  behind it            512 words, one for each segment of system memory
 *  a word               51:20 where the segment's entries lie   19:0 GiB that it describes
 * </pre>
 *
 * <p>The size of a segment of system memory is not in the table but in a register (RMP_CFG).
 * Source: AMD's segmented RMP as Linux 6.14 has it.
 */
public final class RmpSegments {
  private static final int SEGMENTS = 512;
  private static final long ENTRIES = 0x000F_FFFF_FFF0_0000L;
  private static final long GIBIBYTES = 0xF_FFFF;
  private static final int GIBIBYTE_LOG2 = 30;

  private RmpSegments() {}

  /**
   * The segments that the table in memory lists.
   *
   * @param memory where it lies
   * @param base where the RMP begins, 4 KiB-aligned
   * @param segmentBytes memory that one segment describes at most, a power of two
   * @throws BadInput if the table is not there or lists none
   */
  public static List<Segment> parse(PhysicalMemory memory, long base, long segmentBytes) {
    long table = MemoryRmp.entries(base);
    if (!memory.isBacked(table)) {
      throw new BadInput(
          "--rmp: no memory at 0x%x in the image, where the table of RMP segments would be"
              .formatted(table));
    }
    int segmentLog2 = Long.numberOfTrailingZeros(segmentBytes);
    List<Segment> segments = new ArrayList<>();
    for (int i = 0; i < Math.min(SEGMENTS, 1L << (Long.SIZE - segmentLog2 - 1)); i++) {
      long word = memory.getLong(table + (long) i * Long.BYTES);
      long bytes = Math.min((word & GIBIBYTES) << GIBIBYTE_LOG2, segmentBytes);
      if (bytes != 0) {
        segments.add(new Segment((long) i << segmentLog2, bytes, word & ENTRIES));
      }
    }
    if (segments.isEmpty()) {
      throw new BadInput(
          "--rmp-segments: the table at 0x%x lists no segment of the RMP".formatted(table));
    }
    return segments;
  }

  /**
   * The segments that dmesg names.
   *
   * @param name what to call the text
   * @param lines its lines; those that tell of no segment are passed over
   * @throws BadInput if none does, or one cannot be read
   */
  public static List<Segment> parse(String name, Iterable<String> lines) {
    List<Segment> segments = new ArrayList<>();
    long number = 0;
    for (String line : lines) {
      number++;
      switch (KernelLines.parse(line)) {
        case KernelLine.RmpSegment told -> segments.add(segment(name, number, told));
        case KernelLine.Malformed bad -> throw BadInput.at(name, number, bad.problem());
        default -> {}
      }
    }
    if (segments.isEmpty()) {
      throw BadInput.in(
          name, "no line such as RMP segment 0 physical address [0x… - 0x…] covering [0x… - 0x…]");
    }
    return segments;
  }

  private static Segment segment(String name, long line, KernelLine.RmpSegment told) {
    long bytes = told.coveredLast() - told.coveredFirst() + 1;
    boolean isWhole =
        ((told.coveredFirst() | bytes | told.first()) & Geometry.offsetMask(Geometry.PAGE_LOG2))
            == 0;
    if (!isWhole || bytes <= 0 || MemoryRmp.covered(told.last() - told.first() + 1) < bytes) {
      throw BadInput.at(
          name,
          line,
          "a segment of 0x%x bytes cannot describe 0x%x to 0x%x, expected 16 bytes for each page"
              .formatted(told.last() - told.first() + 1, told.coveredFirst(), told.coveredLast()));
    }
    return new Segment(told.coveredFirst(), bytes, told.first());
  }
}
