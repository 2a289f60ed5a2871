package dev.cleave.engine.rmp;

import dev.cleave.engine.memory.NativePages;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Remembers which regions changed, in order of their latest change. Time is counted in {@link
 * #tick}s.
 *
 * <pre>
 *   a region's record    0 older   8 newer   16 time
 *                        numbers of regions plus 1, 0 for none; time 0 for a region not noted
 * </pre>
 *
 * <p>The records lie off-heap, where only those that are touched cost memory, and are strung
 * together: however often regions change, nothing grows.
 */
final class QuietRegions {
  private static final long NONE = -1;
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final int RECORD_BYTES = 24;
  private static final int OLDER = 0;
  private static final int NEWER = 8;
  private static final int TIME = 16;
  private static final int PAGE_MASK = 4095;

  private final MemorySegment records;
  private long oldest = NONE;
  private long newest = NONE;
  private long now;

  QuietRegions(long regionCount, Arena arena) {
    records = NativePages.reserve((regionCount * RECORD_BYTES + PAGE_MASK) & ~PAGE_MASK, arena);
  }

  void tick() {
    now++;
  }

  /** Notes a change; there has been a tick before the first. */
  void note(long region) {
    if (get(region, TIME) != 0) {
      unlink(region);
    }
    link(newest, region);
    link(region, NONE);
    set(region, TIME, now);
  }

  /**
   * Takes out a region that has not been noted for some time.
   *
   * @param ticks how long at least
   * @return the region that has been quiet longest, or -1
   */
  long takeQuiet(long ticks) {
    long region = oldest;
    if (region == NONE || now - get(region, TIME) < ticks) {
      return NONE;
    }
    unlink(region);
    set(region, TIME, 0);
    return region;
  }

  private void unlink(long region) {
    link(get(region, OLDER) - 1, get(region, NEWER) - 1);
  }

  /** Makes two regions neighbours; beyond either end is none. */
  private void link(long older, long newer) {
    if (older == NONE) {
      oldest = newer;
    } else {
      set(older, NEWER, newer + 1);
    }
    if (newer == NONE) {
      newest = older;
    } else {
      set(newer, OLDER, older + 1);
    }
  }

  private long get(long region, int field) {
    return records.get(WORD, region * RECORD_BYTES + field);
  }

  private void set(long region, int field, long value) {
    records.set(WORD, region * RECORD_BYTES + field, value);
  }
}
