package dev.cleave.bench.migrate;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import dev.cleave.bench.extent.Extent;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Numbers the pages of some ranges of addresses: from 0, ascending, without holes.
 *
 * <p>Not thread-safe: it remembers the range that it looked at last.
 */
final class PageNumbers {
  /** What {@link #number} returns for an address that has none. */
  static final int NONE = -1;

  private final long[] firsts;
  private final long[] lasts;

  /** Number of the first page of each range; at the end, how many there are. */
  private final int[] numbers;

  private int latest;

  /** Numbers ranges, each address leading to itself; they are ascending and apart. */
  private PageNumbers(List<Extent> ranges) {
    int count = ranges.size();
    firsts = ranges.stream().mapToLong(Extent::first).toArray();
    lasts = ranges.stream().mapToLong(Extent::last).toArray();
    numbers = new int[count + 1];
    for (int i = 0; i < count; i++) {
      numbers[i + 1] =
          Math.addExact(numbers[i], Math.toIntExact(ranges.get(i).length() >>> PAGE_LOG2));
    }
  }

  /** Numbers the iovas of extents, which are ascending and do not overlap. */
  static PageNumbers ofIovas(List<Extent> extents) {
    return new PageNumbers(extents);
  }

  /**
   * Numbers the memory that extents lead to: a page that several of them lead to has one number.
   */
  static PageNumbers ofMemory(List<Extent> extents) {
    List<Extent> sorted =
        extents.stream()
            .map(extent ->
                new Extent(extent.paddr(), extent.paddrAt(extent.last()), extent.paddr(), 0))
            .sorted(Comparator.comparingLong(Extent::first))
            .toList();
    List<Extent> joined = new ArrayList<>();
    for (Extent next : sorted) {
      if (joined.isEmpty() || next.first() > joined.getLast().last() + 1) {
        joined.add(next);
      } else {
        Extent before = joined.removeLast();
        joined.add(before.part(before.first(), Math.max(before.last(), next.last())));
      }
    }
    return new PageNumbers(joined);
  }

  /** How many pages there are. */
  int count() {
    return numbers[firsts.length];
  }

  /** The number of the page of an address, or {@link #NONE}. */
  int number(long address) {
    int range = latest;
    if (address - firsts[range] < 0 || address > lasts[range]) {
      range = range(address);
      if (range < 0) {
        return NONE;
      }
      latest = range;
    }
    return numbers[range] + (int) ((address - firsts[range]) >>> PAGE_LOG2);
  }

  /** The range of an address, or -1. Addresses are below 2^63. */
  private int range(long address) {
    int low = 0;
    int high = firsts.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      if (address > lasts[middle]) {
        low = middle + 1;
      } else if (address < firsts[middle]) {
        high = middle - 1;
      } else {
        return middle;
      }
    }
    return -1;
  }

  /** The first address of the page of a number that there is. */
  long address(int number) {
    int range = latest;
    if (number < numbers[range] || number >= numbers[range + 1]) {
      range = 0;
      for (int high = firsts.length - 1; range < high; ) {
        int middle = (range + high + 1) >>> 1;
        if (numbers[middle] <= number) {
          range = middle;
        } else {
          high = middle - 1;
        }
      }
      latest = range;
    }
    return firsts[range] + (long) (number - numbers[range]) * PAGE_BYTES;
  }
}
