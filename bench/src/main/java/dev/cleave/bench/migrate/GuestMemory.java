package dev.cleave.bench.migrate;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.format.Access;
import java.util.ArrayList;
import java.util.List;

/**
 * The memory that is migrated: what devices reach of it, in ascending order of iovas, and what of
 * it the guest has shared.
 *
 * @param extents whole pages that do not overlap; at least one
 * @param shared guest addresses, each leading to itself
 * @param refused events of a log that did not fit what they found
 */
public record GuestMemory(List<Extent> extents, List<Extent> shared, long refused) {
  /** Where the part of a large guest ends that lies below 4 GiB, as QEMU's q35 has it. */
  private static final long LOW_END = 2L << 30;

  private static final long HIGH_START = 4L << 30;
  private static final long PADDR_END = 1L << 48;

  /** Where a device cannot reach memory: interrupts, and HyperTransport. */
  private static final List<Extent> NO_MEMORY =
      List.of(
          Extent.of(0xFEE0_0000L, 1L << 20, 0, 0),
          new Extent(0xFD_0000_0000L, 0xFF_FFFF_FFFFL, 0, 0));

  /**
   * A guest of a size, whose memory leaves out the last 2 GiB below 4 GiB.
   *
   * @param bytes a positive multiple of 4096
   */
  public static GuestMemory ofSize(long bytes) {
    List<Extent> extents = new ArrayList<>();
    extents.add(Extent.of(0, Math.min(bytes, LOW_END), 0, Access.READ_WRITE));
    if (bytes > LOW_END) {
      extents.add(Extent.of(HIGH_START, bytes - LOW_END, HIGH_START, Access.READ_WRITE));
    }
    return new GuestMemory(List.copyOf(extents), List.of(), 0);
  }

  /**
   * What is mapped, and shared, at the end of a log of one address space.
   *
   * @param trace the log
   */
  public static GuestMemory of(Trace trace) {
    ExtentMap mapped = new ExtentMap();
    ExtentMap shared = new ExtentMap();
    long refused = 0;
    for (TraceEvent event : trace.events()) {
      boolean isDone =
          switch (event) {
            case TraceEvent.Map map -> map(mapped, map);
            case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _) ->
                isWholePages(iova, length) && mapped.remove(iova, iova + length - 1) != 0;
            case TraceEvent.Clear(long _, var _, long first, long last) -> {
              mapped.remove(first, last);
              yield true;
            }
            case TraceEvent.Share(long _, long gpa, long length) ->
                share(shared, gpa, length, true);
            case TraceEvent.Unshare(long _, long gpa, long length) ->
                share(shared, gpa, length, false);
            default -> true; // what changes no mapping
          };
      refused += isDone ? 0 : 1;
    }
    return new GuestMemory(mapped.all(), shared.all(), refused);
  }

  private static boolean map(ExtentMap mapped, TraceEvent.Map map) {
    long paddr = map.paddrOr(0);
    long last = map.iova() + map.length() - 1;
    boolean isGood =
        isWholePages(map.iova(), map.length())
            && paddr % PAGE_BYTES == 0
            && paddr >= 0
            && paddr < PADDR_END - map.length()
            && mapped.isFree(map.iova(), last);
    if (isGood) {
      mapped.join(map.iova(), last, paddr, map.access());
    }
    return isGood;
  }

  private static boolean share(ExtentMap shared, long gpa, long length, boolean isShared) {
    if (!isWholePages(gpa, length)) {
      return false;
    }
    shared.remove(gpa, gpa + length - 1);
    if (isShared) {
      shared.join(gpa, gpa + length - 1, gpa, 0);
    }
    return true;
  }

  /** Whether a range is of pages, and ends below 2^63, as all that a table of Linux's maps does. */
  private static boolean isWholePages(long first, long length) {
    return ((first | length) & (PAGE_BYTES - 1)) == 0
        && first >= 0
        && length > 0
        && first <= Long.MAX_VALUE - length;
  }

  /** The parts that devices can write. */
  List<Extent> writable() {
    List<Extent> parts = new ArrayList<>();
    for (Extent extent : extents) {
      if ((extent.access() & Access.WRITE) != 0) {
        long from = extent.first();
        for (Extent hole : NO_MEMORY) {
          if (hole.first() <= extent.last() && hole.last() >= from) {
            if (hole.first() > from) {
              parts.add(extent.part(from, hole.first() - 1));
            }
            from = hole.last() + 1;
          }
        }
        if (from <= extent.last()) {
          parts.add(extent.part(from, extent.last()));
        }
      }
    }
    return parts;
  }

  /** Whether devices can write any of it. */
  public boolean isWritable() {
    return !writable().isEmpty();
  }

  /** Bytes that devices reach; memory that several iovas lead to counts for each. */
  public long mappedBytes() {
    return extents.stream().mapToLong(Extent::length).sum();
  }

  /** Where the highest iova ends. */
  public long iovaEnd() {
    return extents.getLast().last() + 1;
  }

  /** Where the highest memory ends. */
  long paddrEnd() {
    return extents.stream().mapToLong(extent -> extent.paddrAt(extent.last()) + 1).max().orElse(0);
  }
}
