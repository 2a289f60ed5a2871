package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.engine.ioas.Backing;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The memory that shared pages come from when they do not stay where they are, and where the same
 * pages lie while they are private: as the log has mapped them. An offset in it is a gpa.
 *
 * <p>Not thread-safe.
 */
final class SharedMemory implements Backing {

  private final long base;

  /** Says which pages lie here; null as long as none of them do. */
  private @Nullable RmpBitmap states;

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

  /** The same as it lies here while it is shared, each run as far as it is of one access. */
  List<Extent> sharedOver(long first, long last) {
    List<Extent> runs = new ArrayList<>();
    for (Extent extent : extents.over(first, last)) {
      Extent run =
          new Extent(extent.first(), extent.last(), base + extent.first(), extent.access());
      if (!runs.isEmpty() && runs.getLast().continuesWith(run)) {
        runs.set(runs.size() - 1, runs.getLast().with(run));
      } else {
        runs.add(run);
      }
    }
    return runs;
  }

  /** From now on a page lies where this says: here if it is shared. */
  void liesBy(RmpBitmap bitmap) {
    states = bitmap;
  }

  private boolean isShared(long gpa) {
    return states != null
        && Long.compareUnsigned(gpa, states.guestBytes()) < 0
        && states.isShared(gpa);
  }

  @Override
  public long paddr(long gpa, boolean isWritten) {
    return isShared(gpa) ? base + gpa : extents.translate(gpa);
  }

  @Override
  public long contiguous(long gpa, long length) {
    boolean isShared = isShared(gpa);
    long most = isShared ? length : piece(gpa, length);
    long bytes = Math.min(PAGE_BYTES - gpa % PAGE_BYTES, most);
    while (bytes < most && isShared(gpa + bytes) == isShared) {
      bytes += Math.min(isWholePrivate(gpa + bytes) ? REGION_BYTES : PAGE_BYTES, most - bytes);
    }
    return bytes;
  }

  /** Whether a region begins at an address of which no page is shared. */
  private boolean isWholePrivate(long gpa) {
    return gpa % REGION_BYTES == 0
        && (states == null
            || Long.compareUnsigned(gpa, states.guestBytes()) >= 0
            || states.isPrivate(gpa));
  }

  /** How far the memory that the log has mapped goes on in one piece. */
  private long piece(long gpa, long length) {
    Extent extent = extents.at(gpa);
    long bytes = 0;
    while (extent != null && bytes < length) {
      long next = extent.last() + 1;
      bytes = next - gpa;
      Extent after = extents.at(next);
      extent = after != null && after.paddr() == extent.paddrAt(next) ? after : null;
    }
    return Math.min(bytes, length);
  }

  /** In how many pieces, each of one access, lies what the log maps of a range. */
  int pieces(long gpa, long length) {
    int count = 0;
    Extent area = null;
    for (Extent extent : extents.over(gpa, gpa + length - 1)) {
      boolean goesOn =
          area != null && area.last() + 1 == extent.first() && area.access() == extent.access();
      if (!goesOn) {
        count += pieces(area);
      }
      area = goesOn ? new Extent(area.first(), extent.last(), 0, area.access()) : extent;
    }
    return count + pieces(area);
  }

  private int pieces(@Nullable Extent area) {
    int count = 0;
    long length = area == null ? 0 : area.length();
    for (long done = 0; done < length; done += contiguous(area.first() + done, length - done)) {
      count++;
    }
    return count;
  }
}
