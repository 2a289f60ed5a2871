package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.hwmodel.iommu.Request;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Devices that try what they must not, and faults that let them: what is let through is found. */
class ForbiddenAccessesTest {
  private static final long GUEST = 4L << 20;
  private static final long PADDR = 1L << 32;
  private static final long SHARED = 2L << 20;
  private static final int SHARED_PAGES = 64;
  private static final List<DeviceKind> KINDS = List.of(DeviceKind.UNTRUSTED, DeviceKind.TRUSTED);
  private static final int TRIES = 500;

  private final List<TraceEvent> events =
      List.of(
          new TraceEvent.Map(1, 0, OptionalLong.of(PADDR), GUEST, Access.READ_WRITE),
          new TraceEvent.Share(2, 0, GUEST));
  private final GuestRam ram = new GuestRam(events, 0, 0, GUEST);
  private final RmpBitmap states = new RmpBitmap(GUEST);
  private final GuestFrames frames = new GuestFrames();
  private final TableMemory tables =
      TableMemory.builder().base(ModelMachine.TABLE_BASE).capacityBytes(1L << 24).build();
  private final PageTable table =
      PageTable.create(tables, PageTableConfig.of(AmdV1.LINUX).withPageSizes(PAGE_BYTES));
  private final DeviceMemory memory = new DeviceMemory(ram, _ -> true, states);
  private final ModelMachine machine =
      new ModelMachine(
          ram,
          frames,
          List.of(tables),
          true,
          new Devices(KINDS, 0),
          List.of(new ModelMachine.Space(memory, null)));
  private final ModelRmp rmp = new ModelRmp(machine, frames, ram);

  @BeforeEach
  void begin() {
    ram.begin(true);
    frames.place(0, PADDR, GUEST);
    rmp.assign(0, GUEST, false);
    table.map(0, PADDR, GUEST, Access.READ_WRITE);
    machine.attach(table);
    states.share(SHARED, SHARED_PAGES * PAGE_BYTES);
    rmp.unassign(SHARED, SHARED_PAGES * PAGE_BYTES, false);
    memory.mapped(Extent.of(0, GUEST, PADDR, Access.READ_WRITE));
  }

  @AfterEach
  void end() {
    machine.close();
    table.close();
    tables.close();
    states.close();
    ram.close();
  }

  private ForbiddenAccesses accesses(DeviceKind kind, ForbiddenAccesses.Requester requester) {
    ForbiddenAccesses accesses =
        new ForbiddenAccesses(kind, List.of(memory), machine, requester, 1);
    accesses.runUntil(TRIES);
    assertEquals(TRIES, accesses.tried());
    return accesses;
  }

  @ParameterizedTest
  @EnumSource(
      value = DeviceKind.class,
      names = {"UNTRUSTED", "TRUSTED"})
  void noneOfThemSucceeds(DeviceKind kind) {
    ForbiddenAccesses accesses = accesses(kind, machine::forbidden);
    assertEquals(0, accesses.leaked());
    assertEquals(0, accesses.beside());
  }

  /** As if the IOTLB gave the one the entry that it made for the other. */
  @ParameterizedTest
  @EnumSource(
      value = DeviceKind.class,
      names = {"UNTRUSTED", "TRUSTED"})
  void aDeviceThatGetsByOnAnEntryOfTheOthersIsFound(DeviceKind kind) {
    boolean isUntrusted = kind == DeviceKind.UNTRUSTED;
    int other =
        ModelMachine.deviceId(0, isUntrusted ? DeviceKind.TRUSTED : DeviceKind.UNTRUSTED, 0);
    int trust = isUntrusted ? Request.TRUSTED : 0;
    ForbiddenAccesses accesses =
        accesses(
            kind,
            (_, _, gpa, _, isWrite) ->
                machine
                    .iommu()
                    .translate(
                        other,
                        Request.NO_PASID,
                        gpa,
                        trust | (isWrite ? Request.WRITE : Request.READ)));
    assertEquals(TRIES, accesses.leaked());
  }

  @Test
  void aPageThatTheRmpGivesAwayBehindTheGuestsBackIsFound() {
    rmp.unassign(0, GUEST / 2, false);
    ForbiddenAccesses accesses = accesses(DeviceKind.UNTRUSTED, machine::forbidden);
    assertTrue(accesses.leaked() > 0);
  }

  @Test
  void memoryThatIsNotThePageIsNoLeak() {
    ForbiddenAccesses accesses = accesses(DeviceKind.UNTRUSTED, (_, _, _, _, _) -> PADDR + SHARED);
    assertEquals(0, accesses.leaked());
    assertEquals(TRIES, accesses.beside());
  }

  @Test
  void aDeviceOfTheWrongKindLosesWhatIsItsToUse() {
    DeviceLoad load = new DeviceLoad(List.of(memory), machine, KINDS, true, 1);
    load.runUntil(1000);
    for (DmaResult.OfKind met : load.result(0).kinds()) {
      assertEquals(0, met.counts().lost());
      assertEquals(0, met.counts().wrongData());
      assertTrue(met.counts().accesses() >= 500);
    }
    rmp.assign(SHARED, SHARED_PAGES * PAGE_BYTES, false); // and the guest does not know
    load.runUntil(2000);
    DmaResult result = load.result(0);
    assertTrue(result.kinds().getFirst().counts().lost() > 0);
    assertEquals(0, result.kinds().getLast().counts().lost());
  }

  @Test
  void aTableThatLeadsElsewhereIsFoundByWhatIsThere() {
    DeviceLoad load = new DeviceLoad(List.of(memory), machine, KINDS, true, 1);
    var gather = table.newGather();
    var _ = table.unmap(SHARED, PAGE_BYTES, gather);
    machine.flush(table, gather);
    gather.complete();
    table.map(SHARED, PADDR + SHARED + PAGE_BYTES, PAGE_BYTES, Access.READ_WRITE);
    load.runUntil(20_000);
    assertTrue(load.result(0).kinds().getFirst().counts().wrongData() > 0);
  }
}
