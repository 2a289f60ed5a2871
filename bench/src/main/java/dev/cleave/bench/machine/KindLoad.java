package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.format.Access;
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
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The devices of one kind in all address spaces, three in each: a disk with scatter-gather lists, a
 * network card with rings, and one that reads at random. They use what the kind may use of what is
 * mapped at the moment, be it one page, and rest while that is nothing; and now and then they try
 * what they must not.
 *
 * <p>Not thread-safe.
 */
final class KindLoad {
  private static final int WRITE_PERCENT = 30;
  private static final int RING_DESCRIPTORS = 256;
  private static final int RING_DESCRIPTOR_BYTES = 16;
  private static final int RING_BUFFER_BYTES = 2048;
  private static final int RANDOM_BYTES = 512;

  /** One forbidden access for so many others. */
  private static final int FORBIDDEN_EVERY = 16;

  /** Seeds of one device's sequences, one after each change of what is mapped, lie so far apart. */
  private static final long SEED_STEP = 1_000_000;

  private static final long KIND_SEED_STEP = 100_000;

  private final DeviceKind kind;
  private final List<DeviceMemory> memories;
  private final ModelMachine machine;
  private final DeviceMemory.Choice used;
  private final ForbiddenAccesses forbidden;
  private final long seed;
  private final List<Worker> workers = new ArrayList<>();
  private final Map<Window, WindowTally> windows = new EnumMap<>(Window.class);
  private int turn;
  private long accesses;
  private long visits;
  private long iotlbHits;
  private long walks;
  private long walkSteps;

  /** Of devices whose work between events is over, and of those in windows. */
  private final Trouble retired = new Trouble();

  private final Trouble inWindows = new Trouble();

  /**
   * Devices of a machine.
   *
   * @param memories what there is, for each address space
   * @param givesPrivate whether the table is to lead to private pages
   */
  KindLoad(
      DeviceKind kind,
      List<DeviceMemory> memories,
      ModelMachine machine,
      boolean givesPrivate,
      long seed) {
    this.kind = kind;
    this.memories = memories;
    this.machine = machine;
    this.seed = seed + kind.number() * KIND_SEED_STEP;
    // A table of the guest's lies in private pages.
    boolean isServed = givesPrivate || kind != DeviceKind.GUEST_TABLE;
    this.used =
        new DeviceMemory.Choice(
            kind.usesShared() && isServed,
            kind.usesPrivate() && givesPrivate,
            kind == DeviceKind.GUEST_TABLE ? GuestDeviceTable.LAST_IOVA : -1);
    this.forbidden = new ForbiddenAccesses(kind, memories, machine, this.seed);
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
        AccessPattern pattern = canWork(memory) ? pattern(memory) : null;
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
        retired.add(device.counts());
        device = null;
        generation = -1;
      }
    }

    private @Nullable AccessPattern pattern(DeviceMemory memory) {
      long own = seed + (long) space * ModelMachine.DEVICES + number + SEED_STEP * generation;
      if (number == 2) {
        IovaRanges readable = memory.ranges(used, Access.READ);
        return readable == null ? null : new RandomPattern(readable, RANDOM_BYTES, 0, own);
      }
      IovaRanges writable = memory.ranges(used, Access.READ_WRITE);
      if (writable == null) {
        return null;
      }
      int descriptors = descriptors(writable.bytes());
      return number == 0 || descriptors == 0
          ? new ScatterGatherPattern(writable, WRITE_PERCENT, own)
          : new RingPattern(writable, descriptors, own);
    }
  }

  /** Whether devices of the kind can reach anything at all in a space. */
  private boolean canWork(DeviceMemory memory) {
    return kind != DeviceKind.GUEST_TABLE || memory.hasDeviceTable();
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
        ModelMachine.deviceId(space, kind, number),
        Request.NO_PASID,
        machine.iommu(),
        machine.memory(),
        pattern,
        memories.get(space),
        machine.addressing(space, kind));
  }

  /**
   * Devices go about their work, in turns, as long as there is memory for one of them.
   *
   * @param until how many accesses there shall have been in all, at least
   * @param wanted how many there are to be soon: of what is forbidden, a part of that
   * @return whether there have been
   */
  boolean runUntil(long until, long wanted) {
    Statistics statistics = machine.iommu().statistics();
    long before = accesses;
    iotlbHits -= hits(statistics);
    walks -= walks(statistics);
    walkSteps -= walkSteps(statistics);
    for (int idle = 0; accesses < until && idle < workers.size(); ) {
      idle = workers.get(turn).work() ? 0 : idle + 1;
      turn = (turn + 1) % workers.size();
    }
    iotlbHits += hits(statistics) + (goesThroughTwoTables() ? accesses - before : 0);
    walks += walks(statistics);
    walkSteps += walkSteps(statistics);
    forbidden.runUntil(wanted / FORBIDDEN_EVERY);
    machine.drainEvents();
    return accesses >= until;
  }

  /** How many accesses there have been between events. */
  long accesses() {
    return accesses;
  }

  private boolean goesThroughTwoTables() {
    return kind == DeviceKind.GUEST_TABLE;
  }

  /**
   * Requests that the IOTLB answered. A walk of a guest table asks it too, so that of such requests
   * those are counted that did not begin one.
   */
  private long hits(Statistics statistics) {
    return goesThroughTwoTables() ? -statistics.guestWalks : statistics.iotlbHits;
  }

  private static long walks(Statistics statistics) {
    return statistics.walks + statistics.guestWalks;
  }

  private static long walkSteps(Statistics statistics) {
    return statistics.walkSteps + statistics.guestSteps;
  }

  /** A device of each address space reads at random in a region, if devices use it at all. */
  void visit(Window window, long gpa, int count) {
    for (int space = 0; space < memories.size(); space++) {
      DeviceMemory memory = memories.get(space);
      IovaRanges ranges = canWork(memory) ? memory.ranges(used, gpa & -REGION_BYTES) : null;
      if (ranges != null) {
        DmaDevice visitor =
            device(space, 2, new RandomPattern(ranges, PAGE_BYTES / 64, 0, seed + 3 + visits++));
        visitor.run(count);
        inWindows.add(visitor.counts());
        windows.computeIfAbsent(window, _ -> new WindowTally()).add(visitor.counts());
      }
      forbidden.visit(space, gpa & -REGION_BYTES);
    }
    machine.drainEvents();
  }

  /** Accesses that went wrong. */
  private static final class Trouble {
    private long refused;
    private long translationFaults;
    private long rmpFaults;
    private long wrongData;

    void add(DmaCounts counts) {
      refused += counts.refused();
      translationFaults += counts.refused(Outcome.IO_PAGE_FAULT);
      rmpFaults += counts.refused(Outcome.RMP_PAGE_FAULT);
      wrongData += counts.wrongData + counts.masterAborts;
    }

    void add(Trouble other) {
      refused += other.refused;
      translationFaults += other.translationFaults;
      rmpFaults += other.rmpFaults;
      wrongData += other.wrongData;
    }
  }

  /** What was met in windows of one name. */
  private static final class WindowTally {
    private long accesses;
    private long translationFaults;
    private long rmpFaults;

    void add(DmaCounts counts) {
      accesses += counts.accesses;
      translationFaults += counts.refused(Outcome.IO_PAGE_FAULT);
      rmpFaults += counts.refused(Outcome.RMP_PAGE_FAULT);
    }

    WindowCounts counts(Window window) {
      return new WindowCounts(window, accesses, translationFaults, rmpFaults);
    }
  }

  /** What was measured. */
  DmaResult.OfKind result() {
    Trouble all = new Trouble();
    all.add(retired);
    for (Worker worker : workers) {
      if (worker.device != null) {
        all.add(worker.device.counts());
      }
    }
    long lost = all.refused;
    all.add(inWindows);
    List<WindowCounts> told = new ArrayList<>();
    windows.forEach((window, tally) -> told.add(tally.counts(window)));
    DeviceCounts counts =
        new DeviceCounts(
            accesses,
            iotlbHits,
            walks,
            walkSteps,
            told.stream().mapToLong(WindowCounts::accesses).sum(),
            all.translationFaults,
            all.rmpFaults,
            lost,
            all.wrongData,
            forbidden.tried(),
            forbidden.beside(),
            forbidden.leaked());
    return new DmaResult.OfKind(kind, used.isOfShared(), used.isOfPrivate(), counts, told);
  }
}
