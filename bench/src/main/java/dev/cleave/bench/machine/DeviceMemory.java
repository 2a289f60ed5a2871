package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.hwmodel.dma.IovaRanges;
import dev.cleave.hwmodel.dma.MemoryContents;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What the devices of one address space use at a moment: memory that the log maps there, its shared
 * pages and its private ones. It is hidden from them before it is unmapped or changes its state, as
 * a driver does that waits for its device before it unmaps. What has no state, since no RMP is
 * checked or it is no memory of the guest, counts as shared.
 *
 * <p>Not thread-safe.
 */
public final class DeviceMemory implements MemoryContents {
  /**
   * Some of the memory.
   *
   * @param isOfShared whether shared pages belong to it
   * @param isOfPrivate whether private pages do
   * @param lastIova nothing above does
   */
  record Choice(boolean isOfShared, boolean isOfPrivate, long lastIova) {}

  /** What all devices of a kind ask for after each change. */
  private record Asked(Choice choice, int access) {}

  private final GuestRam ram;
  private final Predicate<Extent> isReached;
  private final @Nullable RmpBitmap states;
  private final UsedExtents sharedPages = new UsedExtents();
  private final UsedExtents privatePages = new UsedExtents();
  private @Nullable GuestDeviceTable deviceTable;
  private boolean isDeviceTableMapped;
  private final Map<Asked, IovaRanges> ranges = new HashMap<>();
  private long generation;
  private @Nullable Extent latest;

  /**
   * The memory of a space in which nothing is mapped.
   *
   * @param ram what may be mapped
   * @param isReached whether devices get to some memory that is mapped, whoever else owns it
   * @param states the page states of the guest; null where no RMP is checked
   */
  public DeviceMemory(GuestRam ram, Predicate<Extent> isReached, @Nullable RmpBitmap states) {
    this.ram = ram;
    this.isReached = isReached;
    this.states = states;
  }

  /** From now on a table of the guest's leads to what is used. */
  void lead(GuestDeviceTable table) {
    deviceTable = table;
  }

  /** A table of the guest's can be reached from now on, or no longer. */
  public void reachDeviceTable(boolean isMapped) {
    if (isDeviceTableMapped != isMapped) {
      isDeviceTableMapped = isMapped;
      changed();
    }
  }

  /** A range was mapped. */
  public void mapped(Extent extent) {
    show(ram.use(extent).stream().filter(isReached).toList());
  }

  /** Devices no longer use what is about to change; returns what they used of it. */
  public List<Extent> hide(long first, long last) {
    List<Extent> hidden = new ArrayList<>(sharedPages.remove(first, last));
    hidden.addAll(privatePages.remove(first, last));
    if (!hidden.isEmpty()) {
      if (deviceTable != null) {
        deviceTable.hide(first, last);
      }
      changed();
    }
    return hidden;
  }

  /** Devices use memory that they do not use, in the states that its pages have now. */
  public void show(List<Extent> extents) {
    for (Extent extent : extents) {
      var _ = hide(extent.first(), extent.last());
      long at = extent.first();
      boolean isDone = false;
      while (!isDone) {
        long last = runLast(at, extent.last());
        show(extent.part(at, last), isShared(at));
        isDone = last == extent.last();
        at = last + 1;
      }
    }
  }

  private void show(Extent run, boolean isShared) {
    UsedExtents pages = isShared ? sharedPages : privatePages;
    ram.stamp(run, isConverted(run.first()));
    pages.add(run);
    if (deviceTable != null) {
      deviceTable.show(run, isShared);
    }
    for (Extent forgotten : pages.forgetOldest()) {
      if (deviceTable != null) {
        deviceTable.hide(forgotten.first(), forgotten.last());
      }
    }
    changed();
  }

  /** Where a run of pages of one state ends. */
  private long runLast(long first, long last) {
    if (states == null || Long.compareUnsigned(first, states.guestBytes()) >= 0) {
      return last;
    }
    boolean isShared = states.isShared(first);
    long end = Long.compareUnsigned(last, states.guestBytes()) < 0 ? last + 1 : states.guestBytes();
    long at = first + PAGE_BYTES;
    while (at < end && states.isShared(at) == isShared) {
      at += PAGE_BYTES;
    }
    return at - 1;
  }

  /** Whether a page has been made shared. */
  private boolean isConverted(long gpa) {
    return states != null
        && Long.compareUnsigned(gpa, states.guestBytes()) < 0
        && states.isShared(gpa);
  }

  /** Whether a page is shared, or has no state. */
  boolean isShared(long gpa) {
    return states == null
        || Long.compareUnsigned(gpa, states.guestBytes()) >= 0
        || states.isShared(gpa);
  }

  private void changed() {
    generation++;
    latest = null;
    ranges.clear();
  }

  /** A number that changes whenever the memory does. */
  long generation() {
    return generation;
  }

  /** Whether the guest's own table can be reached. */
  boolean hasDeviceTable() {
    return isDeviceTableMapped;
  }

  /**
   * What devices may use; null if there is nothing.
   *
   * @param access what they must be able to do there, flags of {@link Access}
   */
  @Nullable IovaRanges ranges(Choice choice, int access) {
    return ranges.computeIfAbsent(new Asked(choice, access), this::rangesOfAll);
  }

  private @Nullable IovaRanges rangesOfAll(Asked asked) {
    Choice choice = asked.choice;
    List<Extent> usable = new ArrayList<>();
    if (choice.isOfShared) {
      addUsable(sharedPages.all(), choice, asked.access, usable);
    }
    if (choice.isOfPrivate) {
      addUsable(privatePages.all(), choice, asked.access, usable);
    }
    return ranges(usable);
  }

  /** What devices may read of a region; null if there is nothing. */
  @Nullable IovaRanges ranges(Choice choice, long region) {
    long last = region + REGION_BYTES - 1;
    List<Extent> usable = new ArrayList<>();
    if (choice.isOfShared) {
      addUsable(sharedPages.over(region, last), choice, Access.READ, usable);
    }
    if (choice.isOfPrivate) {
      addUsable(privatePages.over(region, last), choice, Access.READ, usable);
    }
    return ranges(usable);
  }

  private static void addUsable(
      List<Extent> extents, Choice choice, int access, List<Extent> usable) {
    for (Extent extent : extents) {
      if ((extent.access() & access) == access
          && Long.compareUnsigned(extent.last(), choice.lastIova) <= 0) {
        usable.add(extent);
      }
    }
  }

  private static @Nullable IovaRanges ranges(List<Extent> usable) {
    long[] startsAndBytes = new long[2 * usable.size()];
    int next = 0;
    for (Extent extent : usable) {
      startsAndBytes[next++] = extent.first();
      startsAndBytes[next++] = extent.length();
    }
    return next == 0 ? null : IovaRanges.of(startsAndBytes);
  }

  @Override
  public long word(long iova) {
    Extent extent = latest;
    if (extent == null || !extent.holds(iova)) {
      extent = sharedPages.at(iova);
      if (extent == null) {
        extent = privatePages.at(iova);
      }
      if (extent == null) {
        throw new IllegalStateException("devices do not use iova=0x%x".formatted(iova));
      }
      latest = extent;
    }
    return GuestRam.word(extent.paddrAt(iova), isConverted(iova));
  }
}
