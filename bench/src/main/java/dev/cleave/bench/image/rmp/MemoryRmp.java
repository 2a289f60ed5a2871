package dev.cleave.bench.image.rmp;

import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The RMP of a machine in an image of its memory: in one piece, or in segments.
 *
 * <p>Thread-safe for readers.
 */
public final class MemoryRmp implements Rmp {
  /**
   * A piece of the RMP.
   *
   * @param covered the first address that it describes, 2 MiB-aligned
   * @param bytes how much memory it describes
   * @param entries where the entry of the first page lies
   */
  public record Segment(long covered, long bytes, long entries) {}

  private final PhysicalMemory memory;
  private final TreeMap<Long, Segment> segments =
      new TreeMap<>(Comparator.comparingLong(spa -> spa + Long.MIN_VALUE));

  /**
   * An RMP.
   *
   * @param memory where it lies
   * @param segments its pieces
   */
  public MemoryRmp(PhysicalMemory memory, List<Segment> segments) {
    this.memory = memory;
    segments.forEach(segment -> this.segments.put(segment.covered, segment));
  }

  /**
   * An RMP in one piece, which describes memory from address 0 on.
   *
   * @param memory where it lies
   * @param base where it begins, with its bookkeeping; 4 KiB-aligned
   * @param coveredBytes how much memory it describes
   */
  public static MemoryRmp contiguous(PhysicalMemory memory, long base, long coveredBytes) {
    return new MemoryRmp(memory, List.of(new Segment(0, coveredBytes, entries(base))));
  }

  /**
   * Where the entries of an RMP in one piece begin, behind its bookkeeping.
   *
   * @param base where it begins, 4 KiB-aligned
   */
  public static long entries(long base) {
    return new ReverseMap(new PhysicalMemory(), base, Geometry.REGION_BYTES).entryAddress(0);
  }

  /**
   * How much memory entries describe.
   *
   * @param bytes their size
   */
  public static long covered(long bytes) {
    return (bytes / RmpEntry.BYTES) << Geometry.PAGE_LOG2;
  }

  @Override
  public Optional<Entry> at(long spa) {
    var before = segments.floorEntry(spa);
    if (before == null
        || Long.compareUnsigned(spa - before.getKey(), before.getValue().bytes) >= 0) {
      return Optional.of(HYPERVISORS);
    }
    Segment segment = before.getValue();
    long page = (spa - segment.covered) >>> Geometry.PAGE_LOG2;
    long at = segment.entries + page * RmpEntry.BYTES;
    return memory.isBacked(at)
        ? Optional.of(new Entry(memory.getLong(at), memory.getLong(at + Long.BYTES)))
        : Optional.empty();
  }

  @Override
  public long end() {
    if (segments.isEmpty()) {
      return 0;
    }
    Segment last = segments.lastEntry().getValue();
    return (last.covered + last.bytes + Geometry.REGION_BYTES - 1) & -Geometry.REGION_BYTES;
  }
}
