package dev.cleave.bench.conform;

import java.util.Map.Entry;
import java.util.TreeMap;

/**
 * What has been asked for, apart from any table: which ranges lead where and permit what. Knows
 * nothing of leaves or levels, so it cannot share an error with what writes them.
 */
final class RequestedMappings {
  /** Stands for a hole. */
  static final long NOT_MAPPED = -1;

  /** A range, last address inclusive, that leads to contiguous memory. */
  record Extent(long first, long last, long paddr, int access) {
    private Extent from(long iova) {
      return new Extent(iova, last, paddr + (iova - first), access);
    }

    private Extent to(long iova) {
      return new Extent(first, iova, paddr, access);
    }

    private Extent permitting(int flags) {
      return new Extent(first, last, paddr, flags);
    }
  }

  private final TreeMap<Long, Extent> extents = new TreeMap<>(Long::compareUnsigned);

  /** All extents in ascending order of address. */
  Iterable<Extent> all() {
    return extents.values();
  }

  /** The extent around an address, or null. */
  Extent at(long iova) {
    Entry<Long, Extent> below = extents.floorEntry(iova);
    return below != null && Long.compareUnsigned(iova, below.getValue().last()) <= 0
        ? below.getValue()
        : null;
  }

  /** Whether anything in a range is mapped; the last address is inclusive. */
  boolean hasAny(long first, long last) {
    if (at(first) != null) {
      return true;
    }
    Long next = extents.ceilingKey(first);
    return next != null && Long.compareUnsigned(next, last) <= 0;
  }

  void map(long first, long last, long paddr, int access) {
    extents.put(first, new Extent(first, last, paddr, access));
  }

  void unmap(long first, long last) {
    cut(first);
    if (last != -1) {
      cut(last + 1);
    }
    extents.subMap(first, true, last, true).clear();
  }

  void protect(long first, long last, int access) {
    cut(first);
    if (last != -1) {
      cut(last + 1);
    }
    extents.subMap(first, true, last, true).replaceAll((_, extent) -> extent.permitting(access));
  }

  /** Makes an extent around an address begin there. */
  private void cut(long iova) {
    Extent extent = at(iova);
    if (extent != null && extent.first() != iova) {
      extents.put(extent.first(), extent.to(iova - 1));
      extents.put(iova, extent.from(iova));
    }
  }

  /** Where an address leads, whatever is permitted there; {@link #NOT_MAPPED} for a hole. */
  long translate(long iova) {
    Extent extent = at(iova);
    return extent == null ? NOT_MAPPED : extent.paddr() + (iova - extent.first());
  }

  /** What an address permits, as Access flags; none for a hole. */
  int access(long iova) {
    Extent extent = at(iova);
    return extent == null ? 0 : extent.access();
  }
}
