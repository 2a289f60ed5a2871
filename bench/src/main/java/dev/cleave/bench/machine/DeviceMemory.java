package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.engine.format.Access;
import dev.cleave.hwmodel.dma.IovaRanges;
import dev.cleave.hwmodel.dma.MemoryContents;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * What the devices of one address space use at a moment: memory that is mapped there. It is hidden
 * from them before it is unmapped, as a driver does that waits for its device before it unmaps.
 *
 * <p>Not thread-safe.
 */
public final class DeviceMemory implements MemoryContents {
  /** Of many mappings the youngest are used, as by drivers that map each transfer anew. */
  private static final int MOST_EXTENTS = 1024;

  private final GuestRam ram;
  private final Predicate<Extent> isReached;
  private final ExtentMap used = new ExtentMap();
  private final Deque<Extent> byAge = new ArrayDeque<>();
  private long generation;
  private @Nullable IovaRanges readable;
  private @Nullable IovaRanges writable;
  private long rangesGeneration = -1;
  private @Nullable Extent latest;

  /**
   * The memory of a space in which nothing is mapped.
   *
   * @param ram what may be mapped
   * @param isReached whether devices get to some memory that is mapped, whoever else owns it
   */
  public DeviceMemory(GuestRam ram, Predicate<Extent> isReached) {
    this.ram = ram;
    this.isReached = isReached;
  }

  /** A range was mapped. */
  public void mapped(Extent extent) {
    show(ram.use(extent).stream().filter(isReached).toList());
  }

  /** Devices no longer use what is about to be unmapped; returns what they used of it. */
  public List<Extent> hide(long first, long last) {
    List<Extent> hidden = used.over(first, last);
    if (!hidden.isEmpty()) {
      used.remove(first, last);
      changed();
    }
    return hidden;
  }

  /** Devices use memory that they do not use. */
  public void show(List<Extent> extents) {
    for (Extent extent : extents) {
      used.remove(extent.first(), extent.last());
      used.add(extent);
      byAge.add(extent);
      changed();
    }
    if (byAge.size() > 2 * MOST_EXTENTS) {
      forgetOldest();
    }
  }

  /** Forgets what is used no longer, and if there is still too much, gives up the oldest. */
  private void forgetOldest() {
    byAge.removeIf(extent -> !extent.equals(used.at(extent.first())));
    while (byAge.size() > MOST_EXTENTS) {
      Extent oldest = byAge.remove();
      used.remove(oldest.first(), oldest.last());
      changed();
    }
  }

  private void changed() {
    generation++;
    latest = null;
  }

  /** A number that changes whenever the memory does. */
  long generation() {
    return generation;
  }

  /** What devices may read; null if there is nothing. */
  @Nullable IovaRanges readable() {
    update();
    return readable;
  }

  /** What devices may read and write; null if there is nothing. */
  @Nullable IovaRanges writable() {
    update();
    return writable;
  }

  private void update() {
    if (rangesGeneration != generation) {
      rangesGeneration = generation;
      List<Extent> all = used.all();
      readable = ranges(all, Access.READ);
      writable = ranges(all, Access.READ_WRITE);
    }
  }

  /** What devices may read in a region; null if there is nothing. */
  @Nullable IovaRanges readable(long region) {
    return ranges(used.over(region, region + REGION_BYTES - 1), Access.READ);
  }

  private static @Nullable IovaRanges ranges(List<Extent> extents, int access) {
    long[] pairs =
        extents.stream()
            .filter(extent -> (extent.access() & access) == access)
            .flatMapToLong(extent -> LongStream.of(extent.first(), extent.length()))
            .toArray();
    return pairs.length == 0 ? null : IovaRanges.of(pairs);
  }

  @Override
  public long word(long iova) {
    Extent extent = latest;
    if (extent == null || !extent.holds(iova)) {
      extent = used.at(iova);
      if (extent == null) {
        throw new IllegalStateException("devices do not use iova=0x%x".formatted(iova));
      }
      latest = extent;
    }
    return GuestRam.word(extent.paddrAt(iova));
  }
}
