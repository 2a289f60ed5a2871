package dev.cleave.bench.conform;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import java.util.List;

/**
 * What has been asked for, apart from any table: which ranges lead where and permit what. Knows
 * nothing of leaves or levels, so it cannot share an error with what writes them.
 */
final class RequestedMappings {
  /** Stands for a hole. */
  static final long NOT_MAPPED = ExtentMap.NOT_MAPPED;

  private final ExtentMap extents = new ExtentMap();

  /** The same, as it is now. */
  RequestedMappings copy() {
    RequestedMappings copy = new RequestedMappings();
    all().forEach(copy.extents::add);
    return copy;
  }

  /** All extents in ascending order of address, as they were asked for. */
  List<Extent> all() {
    return extents.all();
  }

  /** The extent around an address, or null. */
  Extent at(long iova) {
    return extents.at(iova);
  }

  /** Whether anything in a range is mapped; the last address is inclusive. */
  boolean hasAny(long first, long last) {
    return !extents.isFree(first, last);
  }

  void map(long first, long last, long paddr, int access) {
    extents.add(new Extent(first, last, paddr, access));
  }

  void unmap(long first, long last) {
    extents.remove(first, last);
  }

  void protect(long first, long last, int access) {
    List<Extent> parts = extents.over(first, last);
    extents.remove(first, last);
    parts.forEach(part -> extents.add(part.permitting(access)));
  }

  /** Where an address leads, whatever is permitted there; {@link #NOT_MAPPED} for a hole. */
  long translate(long iova) {
    return extents.translate(iova);
  }

  /** What an address permits, as Access flags; none for a hole. */
  int access(long iova) {
    Extent extent = extents.at(iova);
    return extent == null ? 0 : extent.access();
  }
}
