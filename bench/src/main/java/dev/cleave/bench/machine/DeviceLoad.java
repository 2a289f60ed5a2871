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
import org.jspecify.annotations.Nullable;

/**
 * Three devices in each address space that move data through the IOMMU and look whether it is the
 * right data: a disk with scatter-gather lists, a network card with rings, and one that reads at
 * random. They use what is mapped at the moment, be it one page, and rest while nothing is. While a
 * region changes they turn to it, since that is where something can go wrong.
 *
 * <p>The sequence of accesses depends on the log and the seed alone, so every policy meets the
 * same.
 */
public final class DeviceLoad {
  private static final int WRITE_PERCENT = 30;
  private static final int RING_DESCRIPTORS = 256;
  private static final int RING_DESCRIPTOR_BYTES = 16;
  private static final int RING_BUFFER_BYTES = 2048;
  private static final int RANDOM_BYTES = 512;

  /** Seeds of one device's sequences, one after each change of what is mapped, lie so far apart. */
  private static final long SEED_STEP = 1_000;

  private final List<DeviceMemory> memories;
  private final ModelMachine machine;
  private final long seed;
  private final List<Worker> workers = new ArrayList<>();
  private final Faults faults = new Faults();
  private int turn;
  private long accesses;
  private long visits;
  private long visited;

  /** What the IOMMU did for the devices' own work; visits would blur it. */
  private long iotlbHits;

  private long walks;
  private long walkSteps;

  /**
   * Devices of a machine.
   *
   * @param memories what they use, for each address space, in the order in which the machine was
   *     told of their tables
   * @param machine what translates for them
   * @param seed what their sequence depends on
   */
  public DeviceLoad(List<DeviceMemory> memories, ModelMachine machine, long seed) {
    this.memories = memories;
    this.machine = machine;
    this.seed = seed;
    for (int space = 0; space < memories.size(); space++) {
      for (int device = 0; device < ModelMachine.DEVICES; device++) {
        workers.add(new Worker(space, device));
      }
    }
  }

  /** One of the devices, which begins anew with what is mapped whenever that has changed. */
  private final class Worker {
    private final int space;
    private final int number;
    private long generation = -1;
    private @Nullable DmaDevice device;

    Worker(int space, int number) {
      this.space = space;
      this.number = number;
    }

    /** Makes a transfer; returns whether there is memory for it. */
    boolean work() {
      DeviceMemory memory = memories.get(space);
      if (generation != memory.generation()) {
        retire();
        generation = memory.generation();
        AccessPattern pattern = pattern(memory);
        device = pattern == null ? null : device(space, number, pattern);
      }
      if (device == null) {
        return false;
      }
      long before = device.counts().accesses;
      device.run(1);
      accesses += device.counts().accesses - before;
      return true;
    }

    /** Its faults so far count, and its work is over. */
    void retire() {
      if (device != null) {
        faults.add(device.counts());
        device = null;
        generation = -1;
      }
    }

    private @Nullable AccessPattern pattern(DeviceMemory memory) {
      long own = seed + (long) space * ModelMachine.DEVICES + number + SEED_STEP * generation;
      IovaRanges readable = memory.readable();
      IovaRanges writable = memory.writable();
      if (number == 2) {
        return readable == null ? null : new RandomPattern(readable, RANDOM_BYTES, 0, own);
      }
      if (writable == null) {
        return null;
      }
      int descriptors = descriptors(writable.bytes());
      return number == 0 || descriptors == 0
          ? new ScatterGatherPattern(writable, WRITE_PERCENT, own)
          : new RingPattern(writable, descriptors, own);
    }
  }

  /** How many descriptors there is room for, with their buffers. */
  private static int descriptors(long bytes) {
    int descriptors = RING_DESCRIPTORS;
    while (descriptors > 0 && ringBytes(descriptors) > bytes) {
      descriptors /= 2;
    }
    return descriptors;
  }

  private static long ringBytes(int descriptors) {
    long ring = (long) descriptors * RING_DESCRIPTOR_BYTES + PAGE_BYTES - 1 & -PAGE_BYTES;
    return ring + (long) descriptors * RING_BUFFER_BYTES;
  }

  private DmaDevice device(int space, int number, AccessPattern pattern) {
    return new DmaDevice(
        ModelMachine.deviceId(space, number),
        Request.NO_PASID,
        machine.iommu(),
        machine.memory(),
        pattern,
        memories.get(space),
        machine::isPrivate);
  }

  /**
   * Devices go about their work, in turns, as long as there is memory for one of them.
   *
   * @param until how many accesses there shall have been in all, at least
   */
  public void runUntil(long until) {
    Statistics statistics = machine.iommu().statistics();
    iotlbHits -= statistics.iotlbHits;
    walks -= statistics.walks;
    walkSteps -= statistics.walkSteps;
    for (int idle = 0; accesses < until && idle < workers.size(); ) {
      idle = workers.get(turn).work() ? 0 : idle + 1;
      turn = (turn + 1) % workers.size();
    }
    iotlbHits += statistics.iotlbHits;
    walks += statistics.walks;
    walkSteps += statistics.walkSteps;
    machine.drainEvents();
  }

  /**
   * A device of each address space reads at random in a region, if devices use it at all.
   *
   * @param gpa any address of the region
   * @param count how many accesses
   */
  public void visit(long gpa, int count) {
    for (int space = 0; space < memories.size(); space++) {
      IovaRanges ranges = memories.get(space).readable(gpa & -REGION_BYTES);
      if (ranges != null) {
        DmaDevice visitor =
            device(space, 2, new RandomPattern(ranges, PAGE_BYTES / 64, 0, seed + 3 + visits++));
        visitor.run(count);
        visited += visitor.counts().accesses;
        faults.add(visitor.counts());
        machine.drainEvents();
      }
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
    workers.forEach(worker -> {
      if (worker.device != null) {
        all.add(worker.device.counts());
      }
    });
    return new DmaResult(
        accesses,
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
