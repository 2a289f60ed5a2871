package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.rmp.PageBacking;
import java.util.List;
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
  private final ExtentMap extents = new ExtentMap();

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
    extents.join(gpa, gpa + length - 1, paddr, access);
  }

  /** The log unmapped a range, which is not empty; returns how many bytes it had mapped of it. */
  long remove(long gpa, long length) {
    return extents.remove(gpa, gpa + length - 1);
  }

  /** Whether the log maps nothing of a range. */
  boolean isFree(long gpa, long length) {
    return extents.isFree(gpa, gpa + length - 1);
  }

  /** What the log maps from one address to another. */
  List<Extent> over(long first, long last) {
    return extents.over(first, last);
  }

  /**
   * Maps what the log maps of a range, to where it lies in one state.
   *
   * @return whether the log maps any of it
   */
  boolean map(GuestTable table, long gpa, long length, boolean areShared, SizeRule rule) {
    return map(table::map, gpa, length, areShared, rule);
  }

  /** Maps contiguous memory. */
  private interface Mapper {
    void map(long gpa, long paddr, long length, int access, SizeRule rule);
  }

  private boolean map(Mapper to, long gpa, long length, boolean areShared, SizeRule rule) {
    Extent joined = null;
    for (Extent extent : extents.over(gpa, gpa + length - 1)) {
      Extent part =
          areShared
              ? new Extent(extent.first(), extent.last(), base + extent.first(), extent.access())
              : extent;
      if (joined != null && joined.continuesWith(part)) {
        joined = joined.with(part);
      } else {
        map(to, joined, rule);
        joined = part;
      }
    }
    map(to, joined, rule);
    return joined != null;
  }

  private static void map(Mapper to, @Nullable Extent extent, SizeRule rule) {
    if (extent != null) {
      to.map(extent.first(), extent.paddr(), extent.length(), extent.access(), rule);
    }
  }

  /**
   * The memory of a table that is followed.
   *
   * @param base where guest memory begins in it, as it is followed
   */
  PageBacking backing(GuestTable table, long base) {
    return new PageBacking() {
      @Override
      public void map(long gpa, long length, boolean areShared, SizeRule rule) {
        long before = table.mappedBytes();
        Mapper to =
            (at, paddr, bytes, access, sizes) ->
                table.mapOnce(base + at, paddr, bytes, access, sizes);
        if (SharedMemory.this.map(to, gpa, length, areShared, rule)) {
          table.moved(table.mappedBytes() - before);
        }
      }

      @Override
      public boolean isContiguous(long region) {
        return SharedMemory.this.isContiguous(region);
      }
    };
  }

  /** Whether nothing of a region is mapped, or all of it in one piece that lies right. */
  private boolean isContiguous(long region) {
    long last = region + REGION_BYTES - 1;
    if (extents.isFree(region, last)) {
      return true;
    }
    Extent extent = extents.at(region);
    return extent != null
        && extent.holds(last)
        && extent.paddrAt(region) % REGION_BYTES == region % REGION_BYTES;
  }
}
