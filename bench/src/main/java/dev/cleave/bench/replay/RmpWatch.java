package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/** Compares the leaves of one table with the RMP while an event is carried out. */
final class RmpWatch {

  private final PageTable table;
  private final LeafCursor mapped;
  private final @Nullable SharedMemory sharedMemory;
  private final BitSet mismatched = new BitSet();
  private long mismatches;

  /**
   * A watch.
   *
   * @param sharedMemory memory that no guest owns, where leaves of any size are right; or null
   */
  RmpWatch(PageTable table, @Nullable SharedMemory sharedMemory) {
    this.table = table;
    this.mapped = table.leaves();
    this.sharedMemory = sharedMemory;
  }

  boolean isOf(PageTable other) {
    return table == other;
  }

  /** An event begins. */
  void begin() {
    mismatched.clear();
  }

  /** A step of an event is done: counts each region in a range where the two disagree, once. */
  void look(RmpBitmap rmp, long first, long last) {
    for (long gpa = first; gpa <= last; gpa += REGION_BYTES) {
      int region = (int) (gpa >>> REGION_LOG2);
      if (!mismatched.get(region) && disagrees(rmp, gpa)) {
        mismatched.set(region);
        mismatches++;
      }
    }
  }

  /** Looks at the first leaf of a region that leads to the guest's own memory. */
  private boolean disagrees(RmpBitmap rmp, long gpa) {
    mapped.over(gpa, gpa + REGION_BYTES - 1);
    while (mapped.advance()) {
      if (sharedMemory == null || !sharedMemory.holds(mapped.paddr())) {
        return isForbidden(rmp, gpa, mapped.sizeLog2());
      }
    }
    return false;
  }

  /** Whether the RMP forbids a leaf of some size in the region around an address. */
  static boolean isForbidden(RmpBitmap rmp, long gpa, int sizeLog2) {
    boolean isSmall = sizeLog2 < REGION_LOG2;
    if (gpa >= rmp.guestBytes()) {
      return false;
    }
    return isSmall ? rmp.isLarge(gpa) : !rmp.allowsLarge(gpa);
  }

  /** Times that leaves and RMP of a region disagreed during an event. */
  long mismatches() {
    return mismatches;
  }
}
