package dev.cleave.bench.torture;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Queue;

/**
 * What one operation owes: a gather, and the pages that devices may see as they were until it is
 * flushed. It goes from its writer to the flusher and back.
 */
final class Debt {
  final IotlbGather gather;
  private final Queue<Debt> home;
  private final int[] pages = new int[2 * Space.REGION_PAGES];
  private int count;
  private OperationKind kind;
  private int region;

  /** Which pages of the region were read as dirty, seen as a bitmap of each region. */
  private final MemorySegment dirty = Arena.ofAuto().allocate(Space.REGION_PAGES / 8, 8);

  private final DirtyBitmap[] bitmaps = new DirtyBitmap[Space.REGIONS];

  private boolean isOfDirty;

  Debt(IotlbGather gather, Queue<Debt> home) {
    this.gather = gather;
    this.home = home;
  }

  void begin(OperationKind operation, int ofRegion) {
    kind = operation;
    region = ofRegion;
    count = 0;
    isOfDirty = false;
  }

  /** Says that a page becomes something else. */
  void change(Space space, int page, int view) {
    space.software.begin(page, view);
    space.hardware.begin(page, view);
    pages[count++] = page;
  }

  /** A clean bitmap of the region, for pages that are read as dirty. */
  DirtyBitmap bitmap(Space space) {
    isOfDirty = true;
    if (bitmaps[region] == null) {
      long iova = space.iova(region * Space.REGION_PAGES);
      bitmaps[region] = DirtyBitmap.over(dirty, iova, REGION_BYTES, 12);
    }
    bitmaps[region].clear();
    return bitmaps[region];
  }

  /** The operation has returned. */
  void settleSoftware(Space space) {
    for (int i = 0; i < count; i++) {
      space.software.settle(pages[i]);
    }
  }

  /**
   * This flush and all earlier ones have completed: what was read as dirty is being watched again,
   * and all pages are as they were said to become.
   */
  void end(Space space, List<Device> devices) {
    if (isOfDirty) {
      devices.forEach(device -> forgetWrites(device, space));
    }
    if (kind == OperationKind.RESTORE_REGION) {
      forgetWritesInRegion(space, devices);
      space.restoresOwed.decrementAndGet(region);
    }
    settleHardware(space);
  }

  /** Nothing is owed, nor must it wait for others. */
  void endAtOnce(Space space) {
    completed(space);
    settleHardware(space);
  }

  /** Whether devices see at once what the operation did. */
  boolean isOver() {
    return gather.isEmpty();
  }

  private void settleHardware(Space space) {
    for (int i = 0; i < count; i++) {
      space.hardware.settle(pages[i]);
    }
    home.add(this);
  }

  private void forgetWrites(Device device, Space space) {
    device.beginInvalidation();
    for (int i = 0; i < count; i++) {
      if (bitmaps[region].isDirty(space.iova(pages[i]))) {
        device.forgetWrite(pages[i]);
      }
    }
    device.endInvalidation();
  }

  /**
   * Devices may have written through translations that were dirty before the region was unmapped.
   */
  private void forgetWritesInRegion(Space space, List<Device> devices) {
    devices.forEach(Device::beginInvalidation);
    for (int i = 0; i < Space.REGION_PAGES; i++) {
      space.forgetWrites(region * Space.REGION_PAGES + i);
    }
    devices.forEach(Device::endInvalidation);
  }

  /** Late bits of a merge have been carried over. */
  void completed(Space space) {
    if (isOfMergedRegion()) {
      space.mergesOwed.decrementAndGet(region);
    }
  }

  int region() {
    return region;
  }

  boolean isOfMergedRegion() {
    return kind == OperationKind.MERGE_REGION;
  }

  boolean isOfSplit() {
    return kind == OperationKind.SPLIT || kind == OperationKind.SPLIT_REGION;
  }
}
