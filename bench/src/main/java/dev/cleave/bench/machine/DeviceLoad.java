package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.hwmodel.dma.AccessPattern;
import dev.cleave.hwmodel.dma.DmaCounts;
import dev.cleave.hwmodel.dma.DmaDevice;
import dev.cleave.hwmodel.dma.IovaRanges;
import dev.cleave.hwmodel.dma.RandomPattern;
import dev.cleave.hwmodel.dma.RingPattern;
import dev.cleave.hwmodel.dma.ScatterGatherPattern;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.iommu.Request;
import dev.cleave.hwmodel.iommu.Statistics;
import java.util.ArrayList;
import java.util.List;

/**
 * Three devices of one guest that move data through the IOMMU and look whether it is the right
 * data: a disk with scatter-gather lists, a network card with rings, and one that reads at random.
 * While a region changes they turn to it, since that is where something can go wrong.
 *
 * <p>The sequence of accesses depends on the seed alone, so every policy meets the same.
 */
public final class DeviceLoad {
  private static final int WRITE_PERCENT = 30;
  private static final int RING_DESCRIPTORS = 256;
  private static final int RANDOM_BYTES = 512;

  private final GuestRam ram;
  private final ModelMachine machine;
  private final long seed;
  private final List<DmaDevice> devices = new ArrayList<>();
  private final Faults faults = new Faults();
  private int turn;
  private long visits;
  private long visited;

  /** What the IOMMU did for the devices' own work; visits would blur it. */
  private long iotlbHits;

  private long walks;
  private long walkSteps;

  /**
   * Devices of a machine.
   *
   * @param ram what they move
   * @param machine what translates for them
   * @param seed what their sequence depends on
   */
  public DeviceLoad(GuestRam ram, ModelMachine machine, long seed) {
    this.ram = ram;
    this.machine = machine;
    this.seed = seed;
    IovaRanges hot = ram.hotRanges();
    add(0, new ScatterGatherPattern(hot, WRITE_PERCENT, seed));
    add(1, new RingPattern(hot, RING_DESCRIPTORS, seed + 1));
    add(2, new RandomPattern(hot, RANDOM_BYTES, 0, seed + 2));
  }

  private void add(int device, AccessPattern pattern) {
    devices.add(device(device, pattern));
  }

  private DmaDevice device(int device, AccessPattern pattern) {
    return new DmaDevice(
        ModelMachine.DEVICE_IDS[device],
        Request.NO_PASID,
        machine.iommu(),
        machine.memory(),
        pattern,
        ram.identity(),
        machine::isPrivate);
  }

  /**
   * Devices go about their work, in turns.
   *
   * @param until how many accesses there shall have been in all, at least
   */
  public void runUntil(long until) {
    Statistics statistics = machine.iommu().statistics();
    iotlbHits -= statistics.iotlbHits;
    walks -= statistics.walks;
    walkSteps -= statistics.walkSteps;
    while (accesses() < until) {
      devices.get(turn++ % devices.size()).run(1);
    }
    iotlbHits += statistics.iotlbHits;
    walks += statistics.walks;
    walkSteps += statistics.walkSteps;
    machine.drainEvents();
  }

  private long accesses() {
    long accesses = 0;
    for (DmaDevice device : devices) {
      accesses += device.counts().accesses;
    }
    return accesses;
  }

  /**
   * A device reads at random in a region, if devices use it at all.
   *
   * @param gpa any address of the region
   * @param accesses how many
   */
  public void visit(long gpa, int accesses) {
    IovaRanges ranges = ram.hotRanges(gpa & -REGION_BYTES);
    if (ranges != null) {
      DmaDevice visitor =
          device(2, new RandomPattern(ranges, PAGE_BYTES / 64, 0, seed + 3 + visits++));
      visitor.run(accesses);
      visited += visitor.counts().accesses;
      faults.add(visitor.counts());
      machine.drainEvents();
    }
  }

  /** Accesses that went wrong, by kind. */
  private static final class Faults {
    private long wrongData;
    private long translation;
    private long rmp;

    Faults() {}

    Faults(Faults other) {
      wrongData = other.wrongData;
      translation = other.translation;
      rmp = other.rmp;
    }

    void add(DmaCounts counts) {
      wrongData += counts.wrongData + counts.masterAborts;
      translation += counts.refused(Outcome.IO_PAGE_FAULT);
      rmp += counts.refused(Outcome.RMP_PAGE_FAULT);
    }
  }

  /**
   * What was measured.
   *
   * @param stallNanos time that devices were kept waiting
   */
  public DmaResult result(long stallNanos) {
    Faults all = new Faults(faults);
    devices.forEach(device -> all.add(device.counts()));
    return new DmaResult(
        accesses(),
        iotlbHits,
        walks,
        walkSteps,
        visited,
        all.translation,
        all.rmp,
        all.wrongData,
        machine.iommu().statistics().iotlbDropped,
        stallNanos);
  }
}
