package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Devices are given shared pages alone, which lie in memory of their own: a run of them in one
 * call, leaves as large as they can be. What becomes private is cut out without a gap beside it,
 * and a block that is wholly shared again is merged, at once or after a while.
 */
final class SharedOnlyActions extends SharedBackingActions {
  private static final int LARGEST_LOG2 = 30;

  /** A lazy policy merges what has not changed for so many changes, */
  private static final int QUIET_CHANGES = 256;

  /** and looks for it once in so many. */
  private static final int BATCH_CHANGES = 64;

  private final boolean isLazy;

  /** Regions that are wholly shared, by number. */
  private final BitSet whole = new BitSet();

  /** Regions that may have to be merged, each with the change that said so. */
  private final Map<Integer, Long> waiting = new HashMap<>();

  private long changes;
  private boolean hasTidied;

  SharedOnlyActions(GuestTables tables, SimulatedRmp rmp, boolean isLazy) {
    super(tables, rmp);
    this.isLazy = isLazy;
  }

  @Override
  void give(GuestTable table, GuestTables.Run run) {
    table.mapShared(run.gpa(), run.length());
  }

  @Override
  void take(GuestTable table, List<GuestTables.Run> runs) {
    for (GuestTables.Run run : runs) {
      var _ = table.takeOut(run.gpa(), run.length());
    }
  }

  @Override
  public void share(long gpa, long length) {
    super.share(gpa, length);
    for (long region = gpa & -REGION_BYTES; region < gpa + length; region += REGION_BYTES) {
      if (region + REGION_BYTES <= states().guestBytes()
          && GuestTables.runs(states(), region, region + REGION_BYTES, false).isEmpty()) {
        whole.set(number(region));
      }
    }
    changed(gpa, length);
  }

  @Override
  public void unshare(long gpa, long length) {
    super.unshare(gpa, length);
    whole.clear(number(gpa), number(gpa + length - 1) + 1);
    changed(gpa, length);
  }

  @Override
  void mapped(long gpa, long length) {
    changed(gpa, length);
  }

  private static int number(long gpa) {
    return (int) (gpa >>> REGION_LOG2);
  }

  private void changed(long gpa, long length) {
    changes++;
    for (int region = number(gpa); region <= number(gpa + length - 1); region++) {
      if (whole.get(region)) {
        waiting.put(region, changes);
      } else {
        waiting.remove(region);
      }
    }
    if (!isLazy) {
      var _ = mergeDue(0);
    } else if (changes % BATCH_CHANGES == 0) {
      hasTidied |= mergeDue(QUIET_CHANGES);
    }
  }

  /** Merges what has not changed for so many changes; returns whether there was anything. */
  private boolean mergeDue(long quietChanges) {
    List<Integer> due =
        waiting.entrySet().stream()
            .filter(entry -> changes - entry.getValue() >= quietChanges)
            .map(Map.Entry::getKey)
            .sorted()
            .toList();
    due.forEach(waiting::remove);
    int end = 0;
    for (int region : due) {
      if (region >= end) { // else it lies in the block before
        end = mergeAround(region);
      }
    }
    return !due.isEmpty();
  }

  /** Merges the largest aligned block around a region that is wholly shared; returns its end. */
  private int mergeAround(int region) {
    int regions = 1;
    while (regions << 1 <= 1 << (LARGEST_LOG2 - REGION_LOG2)) {
      int first = region & -(regions << 1);
      if (whole.nextClearBit(first) < first + (regions << 1)) {
        break;
      }
      regions <<= 1;
    }
    long gpa = (long) (region & -regions) << REGION_LOG2;
    long length = (long) regions << REGION_LOG2;
    for (GuestTable table : tables().all()) {
      if (!tables().isFree(table, gpa, length)) {
        var _ = table.merge(gpa, length, Long.numberOfTrailingZeros(length));
      }
    }
    return (region & -regions) + regions;
  }

  @Override
  public boolean takeTidied() {
    boolean was = hasTidied;
    hasTidied = false;
    return was;
  }

  @Override
  public void rest() {
    var _ = mergeDue(0);
  }
}
