package dev.cleave.bench.conform;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.conform.qemu.EchoMemory;
import dev.cleave.bench.extent.Extent;
import dev.cleave.engine.format.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/** Chooses addresses worth a probe. Belongs to one case. */
final class Sampler {
  private final RandomGenerator random;
  private final EchoMemory echo;

  /** Ranges that operations of the case have named, by domain. */
  private final List<Range> touched = new ArrayList<>();

  private record Range(TestDomain domain, long first, long last) {}

  Sampler(RandomGenerator random, EchoMemory echo) {
    this.random = random;
    this.echo = echo;
  }

  /** Addresses in and around the range of an operation, before it is carried out. */
  long[] around(TestDomain domain, long iova, long length, int count) {
    long last = iova + length - 1;
    touched.add(new Range(domain, iova, last));
    List<Extent> extents = new ArrayList<>();
    for (Extent extent : domain.requested().all()) {
      if (Long.compareUnsigned(extent.first(), last) <= 0
          && Long.compareUnsigned(extent.last(), iova) >= 0) {
        extents.add(extent);
      }
    }
    long[] chosen = new long[count];
    long[] edges = {iova - 1, iova, last, last + 1};
    long end = min(last, reachable(domain));
    for (int i = 0; i < count; i++) {
      chosen[i] = i < edges.length ? edges[i] : inside(extents, iova, end);
    }
    return chosen;
  }

  /** The last address that the domain's table can have anything at. */
  private static long reachable(TestDomain domain) {
    int log2 = Geometry.tableLog2(domain.table().levels());
    return log2 >= Long.SIZE ? -1 : Geometry.offsetMask(log2);
  }

  /** Addresses of one extent that is about to be mapped, besides those around it. */
  long[] within(Extent extent, int count) {
    long[] chosen = new long[count];
    for (int i = 0; i < count; i++) {
      chosen[i] = echoing(extent, extent.first(), extent.last());
    }
    return chosen;
  }

  /** Addresses all over what operations have touched. */
  long[] anywhere(TestDomain domain, int count) {
    List<Extent> extents = new ArrayList<>();
    for (Extent extent : domain.requested().all()) {
      if (extent.first() != CaseRun.WINDOW_IOVA) {
        extents.add(extent);
      }
    }
    List<Range> ranges = touched.stream().filter(range -> range.domain() == domain).toList();
    long[] chosen = new long[count];
    for (int i = 0; i < count; i++) {
      if (!extents.isEmpty() && (ranges.isEmpty() || random.nextInt(8) != 0)) {
        Extent extent = extents.get(random.nextInt(extents.size()));
        chosen[i] = echoing(extent, extent.first(), extent.last());
      } else if (ranges.isEmpty()) {
        chosen[i] = random.nextLong(REGION_BYTES);
      } else {
        Range range = ranges.get(random.nextInt(ranges.size()));
        chosen[i] = between(range.first(), min(range.last(), reachable(domain)));
      }
    }
    return chosen;
  }

  /** Physical addresses that echo. */
  long[] echoes(int count) {
    long[] chosen = new long[count];
    for (int i = 0; i < count; i++) {
      chosen[i] = echo.pick(random, 0, Long.MAX_VALUE);
    }
    return chosen;
  }

  private long inside(List<Extent> extents, long first, long last) {
    if (extents.isEmpty() || random.nextInt(4) == 0) {
      return between(first, last);
    }
    Extent extent = extents.get(random.nextInt(extents.size()));
    return echoing(extent, max(first, extent.first()), min(last, extent.last()));
  }

  /** An address of an extent, between two others, that leads to an echo if there is one. */
  private long echoing(Extent extent, long first, long last) {
    long delta = extent.paddr() - extent.first();
    long paddr = echo.pick(random, first + delta, last + delta);
    return paddr < 0 ? between(first, last) : paddr - delta;
  }

  /** Any address from one to another; the first one when there is none between. */
  private long between(long first, long last) {
    if (Long.compareUnsigned(first, last) > 0) {
      return first;
    }
    long span = last - first + 1;
    return span == 0 ? random.nextLong() : first + Long.remainderUnsigned(random.nextLong(), span);
  }

  private static long min(long a, long b) {
    return Long.compareUnsigned(a, b) < 0 ? a : b;
  }

  private static long max(long a, long b) {
    return Long.compareUnsigned(a, b) > 0 ? a : b;
  }
}
