package dev.cleave.bench.extent;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A sorted map of {@linkplain Extent extents} that do not overlap, in the whole 64-bit address
 * space. It knows no page sizes.
 *
 * <p>What is {@linkplain #join joined} becomes one extent with neighbours that continue it, what is
 * {@linkplain #add added} stays apart. Benchmarks measure its time and its memory, so what it keeps
 * of an extent is no more than it needs.
 *
 * <p>Not thread-safe.
 */
public final class ExtentMap {
  /** What {@link #translate} returns for a hole. */
  public static final long NOT_MAPPED = -1;

  /** By first address, its top bit turned over so that signed order is that of addresses. */
  private final TreeMap<Long, Piece> pieces = new TreeMap<>();

  /** What begins at a key: its bytes less one, where it leads and what it allows. */
  private record Piece(long span, long paddr, int access) {}

  private static long key(long address) {
    return address ^ Long.MIN_VALUE;
  }

  private static Extent extent(Map.Entry<Long, Piece> entry) {
    long first = key(entry.getKey());
    Piece piece = entry.getValue();
    return new Extent(first, first + piece.span, piece.paddr, piece.access);
  }

  private void put(long first, long last, long paddr, int access) {
    pieces.put(key(first), new Piece(last - first, paddr, access));
  }

  private static boolean reaches(Map.Entry<Long, Piece> entry, long address) {
    return Long.compareUnsigned(address - key(entry.getKey()), entry.getValue().span) <= 0;
  }

  /**
   * Puts an extent beside the others.
   *
   * @throws IllegalStateException if any of it is mapped; nothing is changed then
   */
  public void add(Extent extent) {
    checkFree(pieces.floorEntry(key(extent.last())), extent.first());
    put(extent.first(), extent.last(), extent.paddr(), extent.access());
  }

  /**
   * Maps a range, and makes it one extent with neighbours that continue it.
   *
   * @param last its last address
   * @throws IllegalStateException if any of it is mapped; nothing is changed then
   */
  public void join(long first, long last, long paddr, int access) {
    Map.Entry<Long, Piece> before = pieces.floorEntry(key(last));
    checkFree(before, first);
    long from = first;
    long to = last;
    long target = paddr;
    if (before != null && continues(before, first, paddr, access)) {
      from = key(before.getKey());
      target = before.getValue().paddr;
    }
    if (last != -1) {
      Piece after = pieces.get(key(last + 1));
      if (after != null && after.paddr == paddr + (last + 1 - first) && after.access == access) {
        pieces.remove(key(last + 1));
        to = last + 1 + after.span;
      }
    }
    put(from, to, target, access);
  }

  /** Whether an extent, which begins below an address, goes on where a mapping begins there. */
  private static boolean continues(
      Map.Entry<Long, Piece> entry, long address, long paddr, int access) {
    Piece piece = entry.getValue();
    long length = piece.span + 1;
    return key(entry.getKey()) + length == address
        && piece.paddr + length == paddr
        && piece.access == access;
  }

  /**
   * Refuses a range.
   *
   * @param below the last extent that begins at or below the end of the range
   */
  private static void checkFree(Map.@Nullable Entry<Long, Piece> below, long first) {
    if (below != null && endsAtOrAbove(below, first)) {
      long start = key(below.getKey());
      throw new IllegalStateException(
          "a range to map must be free, iova=0x%x is mapped"
              .formatted(Long.compareUnsigned(start, first) > 0 ? start : first));
    }
  }

  /** Whether an extent ends at an address or above. */
  private static boolean endsAtOrAbove(Map.Entry<Long, Piece> entry, long address) {
    return Long.compareUnsigned(key(entry.getKey()) + entry.getValue().span, address) >= 0;
  }

  /**
   * Takes a range out; holes are skipped.
   *
   * @param last its last address
   * @return bytes that were mapped, modulo 2^64
   */
  public long remove(long first, long last) {
    long bytes = 0;
    for (Map.Entry<Long, Piece> found = pieces.floorEntry(key(last));
        found != null && endsAtOrAbove(found, first);
        found = pieces.floorEntry(key(last))) {
      long start = key(found.getKey());
      Piece piece = found.getValue();
      long end = start + piece.span;
      long from = start;
      long to = end;
      pieces.remove(found.getKey());
      if (Long.compareUnsigned(start, first) < 0) {
        put(start, first - 1, piece.paddr, piece.access);
        from = first;
      }
      if (Long.compareUnsigned(end, last) > 0) {
        put(last + 1, end, piece.paddr + (last + 1 - start), piece.access);
        to = last;
      }
      bytes += to - from + 1;
    }
    return bytes;
  }

  /** Where an address leads, or {@link #NOT_MAPPED}. */
  public long translate(long address) {
    Map.Entry<Long, Piece> found = pieces.floorEntry(key(address));
    return found == null || !reaches(found, address)
        ? NOT_MAPPED
        : found.getValue().paddr + (address - key(found.getKey()));
  }

  /** The extent around an address, or null. */
  public @Nullable Extent at(long address) {
    Map.Entry<Long, Piece> found = pieces.floorEntry(key(address));
    return found == null || !reaches(found, address) ? null : extent(found);
  }

  /** Whether nothing in a range is mapped; the last address is inclusive. */
  public boolean isFree(long first, long last) {
    Map.Entry<Long, Piece> below = pieces.floorEntry(key(last));
    return below == null || !endsAtOrAbove(below, first);
  }

  /** Those parts of extents that lie in a range, in ascending order; its last address inclusive. */
  public List<Extent> over(long first, long last) {
    Long below = pieces.floorKey(key(first));
    List<Extent> parts = new ArrayList<>();
    pieces
        .subMap(below == null ? key(first) : below, true, key(last), true)
        .entrySet()
        .forEach(entry -> {
          Extent extent = extent(entry);
          long from = Long.compareUnsigned(extent.first(), first) < 0 ? first : extent.first();
          long to = Long.compareUnsigned(extent.last(), last) > 0 ? last : extent.last();
          if (Long.compareUnsigned(from, to) <= 0) {
            parts.add(extent.part(from, to));
          }
        });
    return parts;
  }

  /** All extents in ascending order. */
  public List<Extent> all() {
    return over(0, -1);
  }
}
