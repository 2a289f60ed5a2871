package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.machine.DeviceLoad;
import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.bench.machine.ModelRmp;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import java.util.List;
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
  private final DeviceLoad load;
  private long stallNanos;

  Hardware(GuestRam ram, List<TableMemory> tables, boolean hasRmp, long seed) {
    machine = new ModelMachine(ram, tables, hasRmp);
    rmp = hasRmp ? new ModelRmp(ram, machine.rmp()) : null;
    load = new DeviceLoad(ram, machine, seed);
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

  /** Devices use the table's top as it is now. */
  void attach(PageTable table) {
    machine.attach(table);
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
