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
import dev.cleave.bench.machine.Window;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
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
  private final Map<ReplayedSpace, Extent> tablePlaces = new LinkedHashMap<>();

  /** What the log maps in each space. */
  private final Map<ReplayedSpace, ExtentMap> mapped = new LinkedHashMap<>();

  /** What devices do not use while an event is carried out, by space. */
  private final Map<ReplayedSpace, List<Extent>> hidden = new LinkedHashMap<>();

  private long stallNanos;

  /** What setting up the machine's migration engine took. */
  private final long setUpNanos;

  /**
   * A machine at rest.
   *
   * @param states the page states, as they really are
   * @param givesPrivate whether tables are to lead to private pages
   */
  Hardware(
      GuestRam ram,
      GuestTables tables,
      GuestFrames frames,
      ReplayOptions options,
      RmpBitmap states,
      boolean givesPrivate) {
    this.options = options;
    boolean hasRmp = options.followsRmp();
    ram.begin(options.isSharedInPlace());
    spaces = tables.spaces();
    List<ModelMachine.Space> used = new ArrayList<>();
    for (ReplayedSpace space : spaces) {
      mapped.put(space, new ExtentMap());
      DeviceMemory memory =
          new DeviceMemory(ram, extent -> isReached(extent, frames), hasRmp ? states : null);
      memories.put(space, memory);
      Extent place = ram.tablePlace(space.name());
      if (place != null) {
        tablePlaces.put(space, place);
      }
      used.add(new ModelMachine.Space(memory, place));
    }
    machine = new ModelMachine(ram, frames, tables.memories(), hasRmp, options.devices(), used);
    setUpNanos = machine.iommu().statistics().stallNanos;
    rmp = hasRmp ? new ModelRmp(machine, frames, ram) : null;
    load =
        new DeviceLoad(
            List.copyOf(memories.values()),
            machine,
            options.devices().kinds(),
            givesPrivate,
            options.seed());
  }

  /** Where an iova leads to a page that is another page of the guest, the RMP refuses. */
  private boolean isReached(Extent extent, GuestFrames frames) {
    return !options.followsRmp()
        || (Long.compareUnsigned(extent.first(), options.guestBytes()) < 0
            ? frames.isAt(extent.first(), extent.paddr(), extent.length())
            : frames.isFree(extent.paddr(), extent.length()));
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
   * An event is about to happen: devices do not use what it unmaps, nor pages that change their
   * state.
   */
  void before(TraceEvent event, ReplayedSpace space) {
    switch (event) {
      case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _)
          when length != 0 && Long.compareUnsigned(iova + length - 1, iova) >= 0 ->
          hideUnmapped(space, iova, iova + length - 1);
      case TraceEvent.Clear(long _, var _, long first, long last) ->
          hideUnmapped(space, first, last);
      case TraceEvent.Share(long _, long gpa, long length) when isRange(gpa, length) ->
          spaces.forEach(each -> hide(each, gpa, gpa + length - 1));
      case TraceEvent.Unshare(long _, long gpa, long length) when isRange(gpa, length) ->
          spaces.forEach(each -> hide(each, gpa, gpa + length - 1));
      default -> {}
    }
  }

  private void hide(ReplayedSpace space, long first, long last) {
    hidden.put(space, memories.get(space).hide(first, last));
  }

  private void hideUnmapped(ReplayedSpace space, long first, long last) {
    hide(space, first, last);
    Extent place = tablePlaces.get(space);
    if (place != null
        && Long.compareUnsigned(first, place.last()) <= 0
        && Long.compareUnsigned(place.first(), last) <= 0) {
      memories.get(space).reachDeviceTable(false);
    }
  }

  private boolean isRange(long gpa, long length) {
    return gpa >= 0 && length > 0 && gpa <= options.guestBytes() - length;
  }

  /**
   * An event has happened: devices use what it mapped or changed, and go on with what it could not
   * take.
   */
  void after(TraceEvent event, ReplayedSpace space, boolean isOk) {
    if (!isOk) {
      hidden.forEach((each, extents) -> memories.get(each).show(extents));
    } else {
      switch (event) {
        case TraceEvent.Map map -> {
          Extent extent =
              Extent.of(map.iova(), map.length(), map.paddrOr(options.paddrBase()), map.access());
          mapped.get(space).add(extent);
          memories.get(space).mapped(extent);
        }
        case TraceEvent.Unmap(long _, var _, long iova, long length, boolean _) -> {
          var _ = mapped.get(space).remove(iova, iova + length - 1);
        }
        case TraceEvent.Clear(long _, var _, long first, long last) -> {
          var _ = mapped.get(space).remove(first, last);
        }
        case TraceEvent.Share(long _, long gpa, long length) -> showAgain(gpa, length);
        case TraceEvent.Unshare(long _, long gpa, long length) -> showAgain(gpa, length);
        default -> {}
      }
    }
    hidden.clear();
    tablePlaces.forEach(
        (each, place) -> memories.get(each).reachDeviceTable(isMapped(each, place)));
  }

  private void showAgain(long gpa, long length) {
    spaces.forEach(
        each -> mapped.get(each).over(gpa, gpa + length - 1).forEach(memories.get(each)::mapped));
  }

  private boolean isMapped(ReplayedSpace space, Extent place) {
    Extent there = mapped.get(space).at(place.first());
    return there != null
        && there.holds(place.last())
        && there.paddrAt(place.first()) == place.paddr();
  }

  /** Devices work until those of each kind have made so many accesses. */
  void runUntil(long... accesses) {
    load.runUntil(accesses);
  }

  /** A step of an event about a range was made: devices look there. */
  void look(Window window, long first, long last) {
    long end = Math.min(last, first + VISITED_REGIONS * REGION_BYTES - 1);
    for (long gpa = first; gpa <= end; gpa += REGION_BYTES) {
      load.visit(window, gpa, VISIT_ACCESSES);
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
    long byEngine = machine.iommu().statistics().stallNanos - setUpNanos;
    return load.result(stallNanos + byEngine);
  }

  @Override
  public void close() {
    machine.close();
  }
}
