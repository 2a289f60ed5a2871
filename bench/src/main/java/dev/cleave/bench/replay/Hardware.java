package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import dev.cleave.bench.machine.DeviceLoad;
import dev.cleave.bench.machine.DeviceMemory;
import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.bench.machine.ModelRmp;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The model beside a replay: it gets the RMP changes and the flushes, and its devices work between
 * events and between the steps of an event.
 *
 * <p>Not thread-safe.
 */
final class Hardware implements AutoCloseable {
  /** Accesses to a region at each step of an event that changes it, in so many regions at most. */
  private static final int VISIT_ACCESSES = 4;

  private static final int VISITED_REGIONS = 4;

  private final ModelMachine machine;
  private final @Nullable ModelRmp rmp;
  private final List<ReplayedSpace> spaces;
  private final Map<ReplayedSpace, DeviceMemory> memories = new LinkedHashMap<>();
  private final DeviceLoad load;
  private final ReplayOptions options;
  private final DeviceUse use;

  /** What the log maps in each space. */
  private final Map<ReplayedSpace, ExtentMap> mapped = new LinkedHashMap<>();

  /** What devices do not use while an event is carried out, by space. */
  private final Map<ReplayedSpace, List<Extent>> hidden = new LinkedHashMap<>();

  private long stallNanos;

  Hardware(
      GuestRam ram, GuestTables tables, GuestFrames frames, ReplayOptions options, DeviceUse use) {
    this.options = options;
    this.use = use;
    boolean hasRmp = options.followsRmp();
    machine = new ModelMachine(ram, frames, tables.memories(), hasRmp);
    rmp = hasRmp ? new ModelRmp(frames, ram, machine.rmp()) : null;
    spaces = tables.spaces();
    for (ReplayedSpace space : spaces) {
      mapped.put(space, new ExtentMap());
      memories.put(
          space,
          new DeviceMemory(
              ram,
              // Where an iova leads to a page that is another page of the guest, the RMP refuses.
              extent ->
                  !hasRmp
                      || Long.compareUnsigned(extent.first(), options.guestBytes()) >= 0
                      || frames.isAt(extent.first(), extent.paddr(), extent.length())));
    }
    load = new DeviceLoad(List.copyOf(memories.values()), machine, options.seed());
  }

  /** The machine. */
  ModelMachine machine() {
    return machine;
  }

  /** The hypervisor's side of the RMP, if there is one. */
  @Nullable ModelRmp rmp() {
    return rmp;
  }

  /** Flushes what a gather holds, with so many commands at most, and waits for them. */
  void flush(PageTable table, IotlbGather gather, int mostCommands) {
    machine.flush(table, gather, mostCommands);
  }

  /** Devices use the tables' tops as they are now. */
  void attach() {
    spaces.forEach(space -> machine.attach(space.table().table()));
  }

  /**
   * An event is about to happen: devices do not use what it unmaps, nor what becomes a page that
   * they never use.
   */
  void before(TraceEvent event, ReplayedSpace space) {
    switch (event) {
      case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _)
          when length != 0 && Long.compareUnsigned(iova + length - 1, iova) >= 0 ->
          hide(space, iova, iova + length - 1);
      case TraceEvent.Clear(long _, var _, long first, long last) -> hide(space, first, last);
      case TraceEvent.Unshare(long _, long gpa, long length)
          when use == DeviceUse.SHARED && isRange(gpa, length) ->
          spaces.forEach(each -> hide(each, gpa, gpa + length - 1));
      default -> {}
    }
  }

  private void hide(ReplayedSpace space, long first, long last) {
    hidden.put(space, memories.get(space).hide(first, last));
  }

  private boolean isRange(long gpa, long length) {
    return gpa >= 0 && length > 0 && gpa <= options.guestBytes() - length;
  }

  /**
   * An event has happened: devices use what it mapped or gave them, and go on with what it could
   * not take.
   *
   * @param states the page states
   */
  void after(TraceEvent event, ReplayedSpace space, boolean isOk, RmpBitmap states) {
    if (!isOk) {
      hidden.forEach((each, extents) -> memories.get(each).show(extents));
    } else {
      switch (event) {
        case TraceEvent.Map map -> {
          Extent extent =
              Extent.of(map.iova(), map.length(), map.paddrOr(options.paddrBase()), map.access());
          mapped.get(space).add(extent);
          show(space, extent, states);
        }
        case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _) -> {
          var _ = mapped.get(space).remove(iova, iova + length - 1);
        }
        case TraceEvent.Clear(long _, var _, long first, long last) -> {
          var _ = mapped.get(space).remove(first, last);
        }
        case TraceEvent.Share(long _, long gpa, long length) when use == DeviceUse.SHARED ->
            spaces.forEach(each ->
                mapped
                    .get(each)
                    .over(gpa, gpa + length - 1)
                    .forEach(extent -> show(each, extent, states)));
        default -> {}
      }
    }
    hidden.clear();
  }

  /** Devices of a space use the pages of an extent that they ever use. */
  private void show(ReplayedSpace space, Extent extent, RmpBitmap states) {
    DeviceMemory memory = memories.get(space);
    long end = states.guestBytes();
    if (use == DeviceUse.ALL || Long.compareUnsigned(extent.first(), end) >= 0) {
      memory.mapped(extent);
      return;
    }
    boolean isInside = Long.compareUnsigned(extent.last(), end) < 0;
    long insideEnd = isInside ? extent.last() + 1 : end;
    GuestTables.runs(states, extent.first(), insideEnd, true)
        .forEach(run -> memory.mapped(extent.part(run.gpa(), run.gpa() + run.length() - 1)));
    if (!isInside) {
      memory.mapped(extent.part(end, extent.last()));
    }
  }

  /** Devices work until there were so many accesses in all. */
  void runUntil(long accesses) {
    load.runUntil(accesses);
  }

  /** A step of an event about a range was made: devices look there. */
  void look(long first, long last) {
    long end = Math.min(last, first + VISITED_REGIONS * REGION_BYTES - 1);
    for (long gpa = first; gpa <= end; gpa += REGION_BYTES) {
      load.visit(gpa, VISIT_ACCESSES);
    }
  }

  /** Keeps devices waiting while something changes. */
  void stalled(Runnable change) {
    long start = System.nanoTime();
    machine.iommu().dmaGate().lock();
    try {
      change.run();
    } finally {
      machine.iommu().dmaGate().unlock();
      stallNanos += System.nanoTime() - start;
    }
  }

  DmaResult result() {
    return load.result(stallNanos);
  }

  @Override
  public void close() {
    machine.close();
  }
}
