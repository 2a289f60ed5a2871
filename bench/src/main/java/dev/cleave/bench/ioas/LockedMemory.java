package dev.cleave.bench.ioas;

import dev.cleave.bench.ioas.IommuObject.Ioas;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.ioas.AreaCursor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.List;

/**
 * The limit of memory that a process may lock. What a MAP of a process without CAP_IPC_LOCK pins
 * counts, each page of it once however many areas share it, as long as an area with it is in a
 * space that has a page table.
 */
final class LockedMemory {
  private static final long UNLIMITED = Long.MAX_VALUE;

  private record Pages(long first, long last) {}

  private final Objects objects;
  private long limit = UNLIMITED;
  private boolean mayLock = true;
  private boolean isAnyCounted;

  LockedMemory(Objects objects) {
    this.objects = objects;
  }

  void setLimitBytes(long bytes) {
    limit = bytes >>> Geometry.PAGE_LOG2;
  }

  void setUnlimited() {
    limit = UNLIMITED;
  }

  /** Whether the process has CAP_IPC_LOCK. */
  void setCapability(boolean isThere) {
    mayLock = isThere;
  }

  /** Memory that is about to be mapped. */
  PinnedMemory pin(UserMemory memory, boolean isFile) {
    isAnyCounted |= !mayLock;
    return new PinnedMemory(memory, isFile, !mayLock);
  }

  /** Whether there are more pages than before, and more than may be. */
  boolean isPassed(long before) {
    long now = pages();
    return now > before && now > limit;
  }

  /** Pages that count now. */
  long pages() {
    if (!isAnyCounted) {
      return 0;
    }
    IdentityHashMap<PinnedMemory, List<Pages>> pinned = new IdentityHashMap<>();
    for (Ioas ioas : objects.spaces()) {
      if (!ioas.tables.isEmpty()) {
        collect(ioas.space.areas(), pinned);
      }
    }
    return pinned.values().stream().mapToLong(LockedMemory::union).sum();
  }

  private static void collect(AreaCursor areas, IdentityHashMap<PinnedMemory, List<Pages>> pinned) {
    while (areas.advance()) {
      if (areas.backing() instanceof PinnedMemory memory && memory.isCounted()) {
        long last = areas.offset() + areas.last() - areas.first();
        pinned
            .computeIfAbsent(memory, _ -> new ArrayList<>())
            .add(new Pages(areas.offset() >>> Geometry.PAGE_LOG2, last >>> Geometry.PAGE_LOG2));
      }
    }
  }

  private static long union(List<Pages> pieces) {
    pieces.sort(Comparator.comparingLong(Pages::first));
    long pages = 0;
    long end = -1;
    for (Pages piece : pieces) {
      long first = Math.max(piece.first(), end + 1);
      if (piece.last() >= first) {
        pages += piece.last() - first + 1;
        end = piece.last();
      }
    }
    return pages;
  }
}
