package dev.cleave.bench.rival;

import java.util.Map;
import java.util.TreeMap;

/**
 * A sorted map of extents, which knows no page sizes: runs of contiguous memory with equal access
 * are one extent, however long. Neighbours that fit are joined.
 */
public final class ExtentMap implements RivalTable {
  private final TreeMap<Long, Extent> extents = new TreeMap<>();

  /** What begins at a key: its length, where it leads and what it allows. */
  private record Extent(long length, long paddr, int access) {}

  @Override
  public void map(long iova, long paddr, long length, int access) {
    Map.Entry<Long, Extent> before = extents.lowerEntry(iova + length);
    if (before != null && before.getKey() + before.getValue().length() > iova) {
      throw RivalTable.overlap(Math.max(iova, before.getKey()));
    }
    long first = iova;
    long bytes = length;
    long target = paddr;
    if (before != null && continues(before.getKey(), before.getValue(), iova, paddr, access)) {
      first = before.getKey();
      bytes += before.getValue().length();
      target = before.getValue().paddr();
    }
    Extent whole = new Extent(bytes, target, access);
    Extent after = extents.get(iova + length);
    if (after != null && continues(first, whole, iova + length, after.paddr(), after.access())) {
      extents.remove(iova + length);
      whole = new Extent(bytes + after.length(), target, access);
    }
    extents.put(first, whole);
  }

  /** Whether an extent goes on where another mapping begins. */
  private static boolean continues(long first, Extent extent, long iova, long paddr, int access) {
    return first + extent.length() == iova
        && extent.paddr() + extent.length() == paddr
        && extent.access() == access;
  }

  @Override
  public long unmap(long iova, long length) {
    long end = iova + length;
    long bytes = 0;
    for (Map.Entry<Long, Extent> found = extents.lowerEntry(end);
        found != null && found.getKey() + found.getValue().length() > iova;
        found = extents.lowerEntry(end)) {
      long first = found.getKey();
      Extent extent = found.getValue();
      long last = first + extent.length();
      extents.remove(first);
      keep(first, iova, first, extent);
      keep(end, last, first, extent);
      bytes += Math.min(last, end) - Math.max(first, iova);
    }
    return bytes;
  }

  /** Puts back the part of an extent that lies outside a range. */
  private void keep(long from, long to, long first, Extent extent) {
    if (from < to) {
      extents.put(from, new Extent(to - from, extent.paddr() + (from - first), extent.access()));
    }
  }

  @Override
  public long translate(long iova) {
    Map.Entry<Long, Extent> found = extents.floorEntry(iova);
    if (found == null || iova - found.getKey() >= found.getValue().length()) {
      return NOT_MAPPED;
    }
    return found.getValue().paddr() + (iova - found.getKey());
  }
}
