package dev.cleave.bench.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.ioas.IovaRange;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpFollower;
import dev.cleave.engine.rmp.RmpPort;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * The model that iommufd's maintainers describe, in eight steps, on two IOMMUs with devices that
 * run between all of them and in the middle of each change: no fault, no wrong data.
 */
class EightStepsTest {
  private static final long PAGE = 4096;
  private static final long REGION = 1L << 21;
  private static final long GUEST = 64L << 20;
  private static final long PADDR = 1L << 32;
  private static final int VISIT_ACCESSES = 4;
  private static final List<DeviceKind> KINDS = List.of(DeviceKind.UNTRUSTED, DeviceKind.TRUSTED);
  private static final Extent ALL = Extent.of(0, GUEST, PADDR, Access.READ_WRITE);
  private static final List<IovaRange> INTERRUPTS =
      List.of(new IovaRange(0xfee0_0000L, 0xfeef_ffffL));

  /** Which regions have a 2 MiB entry in the RMP. */
  private final BitSet large = new BitSet();

  private final List<IommuUnderLoad> iommus = new ArrayList<>();
  private long turn;

  /** One IOMMU, its three devices, and its view of the RMP. */
  private static final class IommuUnderLoad implements IotlbFlush, AutoCloseable {
    final ModelMachine machine;
    final ModelRmp rmp;
    final DeviceLoad load;
    final DeviceMemory memory;
    private long accesses;
    long visited;
    boolean isStalled;
    private boolean isAttached;

    IommuUnderLoad(GuestRam ram, TableMemory tables, RmpBitmap states, long seed) {
      GuestFrames frames = new GuestFrames();
      frames.place(0, PADDR, GUEST);
      memory = new DeviceMemory(ram, _ -> true, states);
      machine =
          new ModelMachine(
              ram,
              frames,
              List.of(tables),
              true,
              new Devices(KINDS, 0),
              List.of(new ModelMachine.Space(memory, null)));
      rmp = new ModelRmp(machine, frames, ram);
      memory.mapped(ALL);
      load = new DeviceLoad(List.of(memory), machine, KINDS, true, seed);
    }

    void attach(HardwarePageTable table) {
      machine.attach(table.table());
      isAttached = true;
    }

    /** Devices go on with their work. */
    void run() {
      accesses += 300;
      load.runUntil(accesses);
    }

    /** Devices turn to a region that is being changed. */
    void visit(long gpa) {
      if (isAttached && !isStalled) {
        load.visit(Window.AFTER_FLUSH, gpa, VISIT_ACCESSES);
        visited++;
      }
    }

    @Override
    public void flush(PageTable table, IotlbGather gather) {
      long first = gather.rangeFirst(0);
      visit(first);
      machine.flush(table, gather);
      visit(first);
    }

    void assertNoHarm() {
      for (DmaResult.OfKind met : load.result(0).kinds()) {
        DeviceCounts counts = met.counts();
        assertEquals(0, counts.translationFaults(), "translation faults");
        assertEquals(0, counts.rmpFaults(), "RMP faults");
        assertEquals(0, counts.wrongData(), "wrong data");
        assertEquals(0, counts.leaked() + counts.beside(), "accesses that must not succeed");
        assertTrue(counts.accesses() > 0 && counts.forbidden() > 0 && visited > 0, "devices ran");
      }
    }

    @Override
    public void close() {
      machine.close();
    }
  }

  /** Changes the RMP that both IOMMUs check. */
  private final class Rmp implements RmpPort {
    @Override
    public void smash(long gpa) {
      if (large.get((int) (gpa / REGION))) {
        large.clear((int) (gpa / REGION));
        iommus.forEach(iommu -> iommu.rmp.smash(gpa));
      }
    }

    @Override
    public boolean unsmash(long gpa) {
      large.set((int) (gpa / REGION));
      iommus.forEach(iommu -> iommu.rmp.unsmash(gpa));
      return true;
    }

    @Override
    public void unassign(long gpa, long length) {
      for (long at = gpa, next; at < gpa + length; at = next) {
        next = Math.min((at & -REGION) + REGION, gpa + length);
        boolean isLarge = large.get((int) (at / REGION));
        long from = at;
        long bytes = next - at;
        iommus.forEach(iommu -> iommu.rmp.unassign(from, bytes, isLarge));
        large.clear((int) (at / REGION));
      }
    }

    @Override
    public void assign(long gpa, long length, boolean isLarge) {
      iommus.forEach(iommu -> iommu.rmp.assign(gpa, length, isLarge));
      if (isLarge) {
        large.set((int) (gpa / REGION), (int) ((gpa + length) / REGION));
      }
    }

    @Override
    public boolean canBeLarge(long gpa, long length) {
      return true;
    }

    @Override
    public void stalled(Runnable change) {
      iommus.forEach(iommu -> iommu.machine.iommu().dmaGate().lock());
      iommus.forEach(iommu -> iommu.isStalled = true);
      try {
        change.run();
      } finally {
        iommus.forEach(iommu -> iommu.isStalled = false);
        iommus.forEach(iommu -> iommu.machine.iommu().dmaGate().unlock());
      }
    }
  }

  private void run() {
    iommus.forEach(IommuUnderLoad::run);
    long gpa = turn++ * REGION % GUEST;
    iommus.forEach(iommu -> iommu.visit(gpa));
  }

  private static int leafLog2(HardwarePageTable table, long iova) {
    LeafCursor leaf = table.table().leaves();
    return table.table().leafAt(iova, leaf) ? leaf.sizeLog2() : 0;
  }

  private static List<TraceEvent> events() {
    List<TraceEvent> events = new ArrayList<>();
    events.add(new TraceEvent.Map(1, 0, OptionalLong.of(PADDR), GUEST, Access.READ_WRITE));
    for (long gpa = 0; gpa < GUEST; gpa += REGION) {
      events.add(new TraceEvent.Share(2, gpa, PAGE));
    }
    return events;
  }

  private static GuestRam ram() {
    GuestRam ram = new GuestRam(events(), 0, 0, GUEST);
    ram.begin(true);
    return ram;
  }

  @Test
  void theEightStepsLeaveDevicesUnharmed() {
    try (GuestRam ram = ram();
        TableMemory memory =
            TableMemory.builder().base(ModelMachine.TABLE_BASE).capacityBytes(1L << 30).build();
        RmpBitmap bitmap = new RmpBitmap(GUEST);
        IommuUnderLoad one = new IommuUnderLoad(ram, memory, bitmap, 1);
        IommuUnderLoad two = new IommuUnderLoad(ram, memory, bitmap, 2)) {
      iommus.addAll(List.of(one, two));
      theEightSteps(memory, bitmap, one, two);
    }
  }

  private void theEightSteps(
      TableMemory memory, RmpBitmap bitmap, IommuUnderLoad one, IommuUnderLoad two) {
    Rmp rmp = new Rmp();
    rmp.assign(0, GUEST, true); // the guest begins private, in 2 MiB entries

    // 1. An address space; nothing may lie where devices write their interrupts.
    IoAddressSpace space = new IoAddressSpace();
    var _ = space.reserve(INTERRUPTS);

    // 2. Hardware page tables on it, each with its own bound of page size, and its own flush.
    PageTableConfig v1 = PageTableConfig.of(AmdV1.LINUX);
    HardwarePageTable all = HardwarePageTable.create(memory, v1, one);
    HardwarePageTable upTo2M = HardwarePageTable.create(memory, v1.withLargestLeaf(21), two);
    space.attach(all);
    space.attach(upTo2M);

    // 3. The guest's memory: one area, whatever happens to it later.
    space.map(0, PADDR, GUEST, Access.READ_WRITE);
    assertEquals(26, leafLog2(all, 0));
    assertEquals(21, leafLog2(upTo2M, 0));

    // 4. Ranges of page granularity: the RMP's, by a bitmap, and one of the VMM's own.
    bitmap.setLarge(0, GUEST, true);
    RmpFollower follower =
        new RmpFollower(space.follow(bitmap, 0), bitmap, rmp, RmpFollower.Order.ATOMIC, false);
    space.setGranularity(0, GUEST / 2, 21);
    assertEquals(21, leafLog2(all, 0));
    assertEquals(25, leafLog2(all, GUEST / 2));

    // 5. Devices use the tables.
    one.attach(all);
    two.attach(upTo2M);
    run();

    // 6. The guest shares pages: leaves get smaller first, in every table and without a gap.
    change(5 * REGION + 3 * PAGE, 2 * PAGE, follower::share);
    run();
    assertTrue(leafLog2(all, 5 * REGION) < 21);
    assertEquals(21, leafLog2(all, 6 * REGION));

    // 7. It takes them back: the RMP has a 2 MiB entry again, then the leaves are as large.
    change(5 * REGION + 3 * PAGE, 2 * PAGE, follower::unshare);
    run();
    assertEquals(21, leafLog2(all, 5 * REGION));
    churn(follower);
    space.setGranularity(0, GUEST, IoAddressSpace.UNLIMITED);
    run();
    assertEquals(26, leafLog2(all, 0), "as it began");
    one.assertNoHarm();
    two.assertNoHarm();

    // 8. The end: what is unmapped faults, and nothing is left.
    follower.close();
    assertEquals(GUEST, space.unmap(0, GUEST));
    run();
    DeviceCounts met = one.load.result(0).all();
    assertTrue(met.translationFaults() > 0, "unmapped memory is out of reach");
    assertEquals(0, met.wrongData());
    space.close();
    all.close();
    upTo2M.close();
  }

  /** Many changes of any size, with devices running. */
  private void churn(RmpFollower follower) {
    Random random = new Random(18);
    for (int i = 0; i < 60; i++) {
      long gpa = random.nextInt((int) (GUEST / PAGE)) * PAGE;
      long most = random.nextInt(3) == 0 ? 4 * REGION : 8 * PAGE;
      long bytes = Math.min(GUEST - gpa, (1 + random.nextInt((int) (most / PAGE))) * PAGE);
      if (random.nextBoolean()) {
        change(gpa, bytes, follower::share);
      } else {
        change(gpa, bytes, follower::unshare);
      }
      run();
    }
    change(0, GUEST, follower::unshare);
  }

  private interface Change {
    void of(long gpa, long bytes);
  }

  /** Pages change their state, while drivers keep their devices from them. */
  private void change(long gpa, long bytes, Change change) {
    iommus.forEach(iommu -> iommu.memory.hide(gpa, gpa + bytes - 1));
    change.of(gpa, bytes);
    iommus.forEach(iommu -> iommu.memory.mapped(ALL.part(gpa, gpa + bytes - 1)));
  }
}
