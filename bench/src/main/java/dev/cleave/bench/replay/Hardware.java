package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.machine.DeviceLoad;
import dev.cleave.bench.machine.DeviceMemory;
import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.bench.machine.ModelRmp;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
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
final class Hardware implements IotlbFlush, AutoCloseable {
  /** Accesses to a region at each step of an event that changes it, in so many regions at most. */
  private static final int VISIT_ACCESSES = 4;

  private static final int VISITED_REGIONS = 4;

  private final ModelMachine machine;
  private final @Nullable ModelRmp rmp;
  private final List<ReplayedSpace> spaces;
  private final Map<ReplayedSpace, DeviceMemory> memories = new LinkedHashMap<>();
  private final DeviceLoad load;
  private List<Extent> hidden = List.of();
  private long stallNanos;

  Hardware(GuestRam ram, GuestTables tables, GuestFrames frames, ReplayOptions options) {
    boolean hasRmp = options.followsRmp();
    machine = new ModelMachine(ram, frames, tables.memories(), hasRmp);
    rmp = hasRmp ? new ModelRmp(frames, ram, machine.rmp()) : null;
    spaces = tables.spaces();
    for (ReplayedSpace space : spaces) {
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

  @Override
  public void flush(PageTable table, IotlbGather gather) {
    machine.flush(table, gather);
  }

  /** Devices use the tables' tops as they are now. */
  void attach() {
    spaces.forEach(space -> machine.attach(space.table().table()));
  }

  /** An event is about to happen: devices do not use what it unmaps. */
  void before(TraceEvent event, ReplayedSpace space) {
    hidden =
        switch (event) {
          case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _)
              when length != 0 && Long.compareUnsigned(iova + length - 1, iova) >= 0 ->
              memories.get(space).hide(iova, iova + length - 1);
          case TraceEvent.Clear(long _, var _, long first, long last) ->
              memories.get(space).hide(first, last);
          default -> List.of();
        };
  }

  /**
   * An event has happened: devices use what it mapped, and go on with what it could not unmap.
   *
   * @param paddrBase added to the iova of a map whose line does not tell the paddr
   */
  void after(TraceEvent event, ReplayedSpace space, boolean isOk, long paddrBase) {
    if (!isOk) {
      memories.get(space).show(hidden);
    } else if (event instanceof TraceEvent.Map map) {
      memories
          .get(space)
          .mapped(Extent.of(map.iova(), map.length(), map.paddrOr(paddrBase), map.access()));
    }
    hidden = List.of();
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
