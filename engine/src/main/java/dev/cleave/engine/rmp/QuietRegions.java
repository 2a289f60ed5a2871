package dev.cleave.engine.rmp;

import dev.cleave.engine.memory.NativePages;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/**
 * Remembers which regions changed, oldest change first. Time is counted in {@link #tick}s. A region
 * noted again counts from then on; its older note is passed over when it comes up.
 */
final class QuietRegions {
  private static final long NONE = -1;
  private static final int PAGE_MASK = 4095;

  /** For each region the time of its latest note. */
  private final MemorySegment latest;

  /** Notes in order of time, a ring whose length is a power of two. */
  private long[] regions = new long[64];

  private long[] times = new long[64];
  private int head;
  private int size;
  private long now;

  QuietRegions(long regionCount, Arena arena) {
    latest = NativePages.reserve((regionCount * Long.BYTES + PAGE_MASK) & ~PAGE_MASK, arena);
  }

  void tick() {
    now++;
  }

  void note(long region) {
    if (size == regions.length) {
      grow();
    }
    int tail = (head + size++) & (regions.length - 1);
    regions[tail] = region;
    times[tail] = now;
    latest.set(ValueLayout.JAVA_LONG, region * Long.BYTES, now);
  }

  private void grow() {
    long[] oldRegions = regions;
    long[] oldTimes = times;
    regions = Arrays.copyOf(oldRegions, 2 * size);
    times = Arrays.copyOf(oldTimes, 2 * size);
    for (int i = 0; i < size; i++) {
      int from = (head + i) & (size - 1);
      regions[i] = oldRegions[from];
      times[i] = oldTimes[from];
    }
    head = 0;
  }

  /**
   * Takes out a region that has not been noted for some time.
   *
   * @param ticks how long at least
   * @return the region that has been quiet longest, or -1
   */
  long takeQuiet(long ticks) {
    while (size > 0 && times[head] + ticks <= now) {
      long region = regions[head];
      long time = times[head];
      head = (head + 1) & (regions.length - 1);
      size--;
      if (latest.get(ValueLayout.JAVA_LONG, region * Long.BYTES) == time) {
        latest.set(ValueLayout.JAVA_LONG, region * Long.BYTES, NONE); // noted twice in one tick
        return region;
      }
    }
    return NONE;
  }
}
