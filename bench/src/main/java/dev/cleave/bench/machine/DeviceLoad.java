package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.hwmodel.dma.AccessPattern;
import dev.cleave.hwmodel.dma.DmaCounts;
import dev.cleave.hwmodel.dma.DmaDevice;
import dev.cleave.hwmodel.dma.IovaRanges;
import dev.cleave.hwmodel.dma.RandomPattern;
import dev.cleave.hwmodel.dma.RingPattern;
import dev.cleave.hwmodel.dma.ScatterGatherPattern;
import dev.cleave.hwmodel.iommu.Outcome;
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
  private final List<DmaCounts> counts = new ArrayList<>();
  private final Sum visited = new Sum();
  private int turn;
  private long visits;

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
    DmaDevice made =
        new DmaDevice(
            ModelMachine.DEVICE_IDS[device],
            machine.iommu(),
            machine.memory(),
            pattern,
            ram.identity());
    counts.add(made.counts());
    return made;
  }

  /**
   * Devices go about their work, in turns.
   *
   * @param accesses at least how many
   */
  public void run(long accesses) {
    long end = accesses() + accesses;
    while (accesses() < end) {
      devices.get(turn++ % devices.size()).run(1);
    }
    machine.drainEvents();
  }

  /**
   * A device reads at random in a region, if devices use it at all.
   *
   * @param gpa any address of the region
   * @param accesses how many
   */
  public void visit(long gpa, long accesses) {
    IovaRanges ranges = ram.hotRanges(gpa & -(1L << REGION_LOG2));
    if (ranges != null) {
      DmaDevice visitor =
          device(2, new RandomPattern(ranges, PAGE_BYTES / 64, 0, seed + 3 + visits++));
      visitor.run((int) accesses);
      counts.removeLast();
      visited.add(visitor.counts());
      machine.drainEvents();
    }
  }

  /** Counts of visitors that are gone. */
  private static final class Sum {
    long accesses;
    long wrongData;
    long translationFaults;
    long rmpFaults;

    void add(DmaCounts one) {
      accesses += one.accesses;
      wrongData += one.wrongData + one.masterAborts;
      translationFaults += one.refused(Outcome.IO_PAGE_FAULT);
      rmpFaults += one.refused(Outcome.RMP_PAGE_FAULT);
    }
  }

  /** How many accesses there were. */
  public long accesses() {
    return sum().accesses;
  }

  private Sum sum() {
    Sum sum = new Sum();
    sum.accesses = visited.accesses;
    sum.wrongData = visited.wrongData;
    sum.translationFaults = visited.translationFaults;
    sum.rmpFaults = visited.rmpFaults;
    counts.forEach(sum::add);
    return sum;
  }

  /** What was measured. */
  public DmaResult result(long stallNanos) {
    Sum sum = sum();
    Statistics statistics = machine.iommu().statistics();
    return new DmaResult(
        sum.accesses,
        statistics.iotlbHits,
        statistics.walks,
        statistics.walkSteps,
        sum.translationFaults,
        sum.rmpFaults,
        sum.wrongData,
        statistics.iotlbDropped,
        stallNanos + statistics.stallNanos);
  }
}
