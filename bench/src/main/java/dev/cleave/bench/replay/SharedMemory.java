package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.SizeRule;
import dev.cleave.engine.rmp.PageBacking;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The memory that shared pages come from when they do not stay where they are, and where the same
 * pages lie while they are private: as the log has mapped them.
 *
 * <p>Not thread-safe.
 */
final class SharedMemory {

  private final long base;

  /** What the log maps now, by gpa. */
  private final TreeMap<Long, Extent> extents = new TreeMap<>();

  private record Extent(long gpa, long paddr, long length, int access) {
    long end() {
      return gpa + length;
    }

    boolean continuesWith(Extent next) {
      return end() == next.gpa && paddr + length == next.paddr && access == next.access;
    }

    Extent part(long from, long to) {
      return new Extent(from, paddr + (from - gpa), to - from, access);
    }
  }

  /**
   * Memory that nothing is in yet.
   *
   * @param base where gpa 0 lies when it is shared, 2 MiB-aligned
   */
  SharedMemory(long base) {
    this.base = base;
  }

  /** Whether an address lies in this memory. */
  boolean holds(long paddr) {
    return Long.compareUnsigned(paddr, base) >= 0;
  }

  /** The log mapped a range that was not mapped. */
  void add(long gpa, long paddr, long length, int access) {
    put(new Extent(gpa, paddr, length, access));
  }

  /** The log unmapped a range. */
  void remove(long gpa, long length) {
    long end = gpa + length;
    for (Extent extent : List.copyOf(over(gpa, end))) {
      if (extent.end() > gpa) {
        extents.remove(extent.gpa);
        if (extent.gpa < gpa) {
          put(extent.part(extent.gpa, gpa));
        }
        if (extent.end() > end) {
          put(extent.part(end, extent.end()));
        }
      }
    }
  }

  private void put(Extent extent) {
    extents.put(extent.gpa, extent);
  }

  /** The extents of a range, and perhaps the one before. */
  private Collection<Extent> over(long gpa, long end) {
    Long first = extents.floorKey(gpa);
    return extents.subMap(first == null ? gpa : first, end).values();
  }

  /** The last extent that begins below an address. */
  private @Nullable Extent below(long end) {
    Map.Entry<Long, Extent> entry = extents.lowerEntry(end);
    return entry == null ? null : entry.getValue();
  }

  /** Maps what the log maps of a range, to where it lies in one state. */
  void map(GuestTable table, long gpa, long length, boolean areShared, SizeRule rule) {
    long end = gpa + length;
    Extent joined = null;
    for (Extent extent : over(gpa, end)) {
      long start = Math.max(extent.gpa, gpa);
      long stop = Math.min(extent.end(), end);
      if (start >= stop) {
        continue;
      }
      Extent part = extent.part(start, stop);
      if (areShared) {
        part = new Extent(start, base + start, stop - start, extent.access);
      }
      if (joined != null && joined.continuesWith(part)) {
        joined = new Extent(joined.gpa, joined.paddr, stop - joined.gpa, joined.access);
      } else {
        map(table, joined, rule);
        joined = part;
      }
    }
    map(table, joined, rule);
  }

  private static void map(GuestTable table, @Nullable Extent extent, SizeRule rule) {
    if (extent != null) {
      table.map(extent.gpa, extent.paddr, extent.length, extent.access, rule);
    }
  }

  /** The memory of a table that is followed. */
  PageBacking backing(GuestTable table) {
    return new PageBacking() {
      @Override
      public void map(long gpa, long length, boolean areShared, SizeRule rule) {
        SharedMemory.this.map(table, gpa, length, areShared, rule);
      }

      @Override
      public boolean isContiguous(long region) {
        return SharedMemory.this.isContiguous(region);
      }
    };
  }

  /** Whether nothing of a region is mapped, or all of it in one piece that lies right. */
  private boolean isContiguous(long region) {
    Extent last = below(region + REGION_BYTES);
    if (last == null || last.end() <= region) {
      return true;
    }
    if (last.end() < region + REGION_BYTES) {
      return false;
    }
    Extent extent = last;
    while (extent.gpa > region) {
      Extent before = below(extent.gpa);
      if (before == null || !before.continuesWith(extent)) {
        return false;
      }
      extent = before;
    }
    return (extent.paddr - extent.gpa) % REGION_BYTES == 0;
  }
}
