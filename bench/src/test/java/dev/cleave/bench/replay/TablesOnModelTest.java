package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.machine.Devices;
import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.rmp.RmpFollower;
import dev.cleave.hwmodel.cpu.Guest;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.iommu.Request;
import java.io.IOException;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The tables of guests that really ran, read by the model: the processor walks the nested table, a
 * device the IOMMU table, through an IOTLB that is flushed as the gathers say, and both ask the RMP
 * that the follower changed. What every page must be is told by the log alone.
 */
@Tag("slow")
class TablesOnModelTest {
  private static final String TRACES = "src/main/resources/dev/cleave/bench/traces/";
  private static final int PAGE = 4096;
  private static final long GUEST = 10L << 30;
  private static final long PADDR_BASE = 1L << 36;
  private static final long SHARED_BASE = 1L << 40;

  private static final int UNTRUSTED = ModelMachine.deviceId(0, DeviceKind.UNTRUSTED, 0);
  private static final int TRUSTED = ModelMachine.deviceId(0, DeviceKind.TRUSTED, 0);

  /** Mixed regions that are looked at after an event; the next ones after the next. */
  private static final int MIXED_AT_ONCE = 8;

  /** A guest's run, and what its log says of every page. */
  private static final class Checked implements AutoCloseable {
    private final long sharedBase;
    private final GuestRam ram;
    private final PolicyRun run;
    private final Guest guest;
    private final ModelMachine machine;
    private final BitSet mapped = new BitSet();
    private final BitSet shared = new BitSet();
    private final BitSet mixed = new BitSet();
    private final Random random = new Random(1);
    private int nextMixed;

    Checked(Policy policy, List<TraceEvent> events, long sharedBase, RmpFollower.Order order) {
      this.sharedBase = sharedBase;
      ReplayOptions options =
          new ReplayOptions(
                  -1L << 12 & -1L >>> 1, 3, true, GUEST, PADDR_BASE, order, 1L << 30, 1, 1)
              .withNestedTable(true)
              .withDevices(new Devices(List.of(DeviceKind.UNTRUSTED, DeviceKind.TRUSTED), 0))
              .withSharedBase(sharedBase);
      ram = new GuestRam(events, PADDR_BASE, sharedBase, GUEST);
      run = new PolicyRun(policy, options, false, ram);
      machine = run.hardware().machine();
      long root = run.nestedTable().root();
      guest = new Guest(machine.memory(), machine.rmp(), root, 4, ModelMachine.asid(), 0);
    }

    void apply(TraceEvent event) {
      run.prepare(event);
      assertTrue(run.apply(event).isOk(), event::toString);
      run.hardware().attach();
      int from = (int) (event.address() / PAGE);
      int to = (int) ((event.address() + event.length()) / PAGE);
      switch (event) {
        case TraceEvent.Map _ -> mapped.set(from, to);
        case TraceEvent.Share _ -> shared.set(from, to);
        case TraceEvent.Unshare _ -> shared.clear(from, to);
        default -> throw new AssertionError(event);
      }
      for (int region = from / 512; region <= (to - 1) / 512; region++) {
        int count = shared.get(region * 512, region * 512 + 512).cardinality();
        mixed.set(region, count % 512 != 0);
      }
    }

    /** Addresses in and around the regions of an event: all of its ends, some at random. */
    long[] around(TraceEvent event) {
      List<Long> addresses = new ArrayList<>();
      long first = event.address();
      long end = first + event.length();
      long regions = (end - 1) / REGION_BYTES - first / REGION_BYTES + 1;
      for (long edge :
          new long[] {
            first, end, first & -REGION_BYTES, (end + REGION_BYTES - 1) & -REGION_BYTES
          }) {
        addresses.add(edge - 1);
        addresses.add(edge);
      }
      for (int i = 0; i < 4; i++) {
        addresses.add(
            (first & -REGION_BYTES) + (long) (random.nextDouble() * regions * REGION_BYTES));
        addresses.add(first + (long) (random.nextDouble() * (end - first)));
      }
      return addresses.stream()
          .mapToLong(Long::longValue)
          .filter(at -> at >= 0 && at < GUEST && mapped.get((int) (at / PAGE)))
          .toArray();
    }

    /** What is wrong about some addresses and the mixed regions whose turn it is. */
    String wrong(long... addresses) {
      for (long address : addresses) {
        String wrong = wrongAt(address);
        if (!wrong.isEmpty()) {
          return wrong;
        }
      }
      for (int i = 0; i < MIXED_AT_ONCE && !mixed.isEmpty(); i++) {
        int region = mixed.nextSetBit(nextMixed);
        region = region < 0 ? mixed.nextSetBit(0) : region;
        nextMixed = region + 1;
        String wrong = wrongIn(region);
        if (!wrong.isEmpty()) {
          return wrong;
        }
      }
      return "";
    }

    String wrongInAnyMixedRegion() {
      return mixed.stream()
          .mapToObj(this::wrongIn)
          .filter(wrong -> !wrong.isEmpty())
          .findFirst()
          .orElse("");
    }

    /** Looks at a shared page and at a private one. */
    private String wrongIn(int region) {
      int page = region * 512;
      int end = page + 512;
      int one = shared.nextSetBit(page);
      int other = shared.nextClearBit(page);
      String wrong = one < end && mapped.get(one) ? wrongAt((long) one * PAGE + 5) : "";
      return wrong.isEmpty() && other < end && mapped.get(other)
          ? wrongAt((long) other * PAGE + 5)
          : wrong;
    }

    private String wrongAt(long gpa) {
      boolean isShared = shared.get((int) (gpa / PAGE));
      long expected = gpa + (isShared && sharedBase != 0 ? sharedBase : PADDR_BASE);
      boolean isWrite = random.nextBoolean();
      long device = translate(isShared, gpa, isWrite);
      if (device != expected) {
        return "a device at 0x%x got 0x%x instead of 0x%x".formatted(gpa, device, expected);
      }
      if (isUsed(gpa) && word(device) != GuestRam.word(PADDR_BASE + (gpa & -8), isShared)) {
        return "a device at 0x%x found 0x%x".formatted(gpa, word(device));
      }
      long other = translate(!isShared, gpa, isWrite);
      if (Outcome.isAddress(other)) {
        return "a device of the other kind at 0x%x got 0x%x".formatted(gpa, other);
      }
      long walked = guest.access(gpa, Guest.READ, false);
      if (walked != expected) {
        return "the nested table leads from 0x%x to 0x%x instead of 0x%x"
            .formatted(gpa, walked, expected);
      }
      long accessed = guest.access(gpa, isWrite ? Guest.WRITE : Guest.READ, !isShared);
      // whoever meets a page that the guest has not validated has passed the check of sizes
      return accessed == expected || (!isShared && accessed == Guest.NOT_VALIDATED)
          ? ""
          : "the processor at 0x%x got 0x%x, error code 0x%x"
              .formatted(gpa, accessed, guest.errorCode());
    }

    /** Whether devices use a page, so that it says what it is. */
    private boolean isUsed(long gpa) {
      return machine.memory().isBacked(PADDR_BASE + gpa)
          && (sharedBase == 0 || machine.memory().isBacked(sharedBase + gpa));
    }

    private long word(long spa) {
      return machine.memory().getLong(spa & -8);
    }

    /** A request of the untrusted device or of the trusted one. */
    private long translate(boolean isUntrusted, long gpa, boolean isWrite) {
      int access = isWrite ? Request.WRITE : Request.READ;
      return isUntrusted
          ? machine.iommu().translate(UNTRUSTED, Request.NO_PASID, gpa, access)
          : machine.iommu().translate(TRUSTED, Request.NO_PASID, gpa, access | Request.TRUSTED);
    }

    @Override
    public void close() {
      run.close();
      ram.close();
    }
  }

  private static List<TraceEvent> events(String trace) throws IOException {
    return Trace.read(List.of(TRACES + trace + ".trace.gz"), false, _ -> {}).events();
  }

  @ParameterizedTest
  @CsvSource({
    "pagestate-linux-6.12, FOLLOW, 0, TABLE_FIRST",
    "pagestate-linux-6.12, FOLLOW, 0x10000000000, TABLE_FIRST",
    "pagestate-linux-6.12, FOLLOW, 0x10000000000, RMP_FIRST",
    "pagestate-linux-6.12-psc, FOLLOW, 0, TABLE_FIRST",
    "pagestate-linux-6.12-psc, FOLLOW, 0x10000000000, TABLE_FIRST",
    "pagestate-linux-6.12, FOLLOW_LAZY, 0x10000000000, TABLE_FIRST",
    "pagestate-linux-6.12, REMAP, 0x10000000000, TABLE_FIRST",
    "pagestate-linux-6.12, ALL_4K, 0x10000000000, TABLE_FIRST",
  })
  void noEventLeavesSizesOrAddressesThatDiffer(
      String trace, Policy policy, String sharedBase, RmpFollower.Order order) throws IOException {
    List<TraceEvent> events = events(trace);
    try (Checked checked = new Checked(policy, events, Long.decode(sharedBase), order)) {
      for (TraceEvent event : events) {
        long[] addresses = checked.around(event);
        assertEquals("", checked.wrong(addresses), "before line " + event.line());
        checked.apply(event);
        assertEquals("", checked.wrong(addresses), "after line " + event.line());
        assertEquals("", checked.wrong(checked.around(event)), "after line " + event.line());
      }
      assertEquals("", checked.wrongInAnyMixedRegion());
    }
  }

  @ParameterizedTest
  @CsvSource({"true", "false"})
  void aLeafThatDoesNotFollowIsFound(boolean isNested) {
    List<TraceEvent> events =
        List.of(
            new TraceEvent.Map(1, 0, OptionalLong.empty(), 4 * REGION_BYTES, 3),
            new TraceEvent.Share(2, REGION_BYTES, PAGE));
    try (Checked checked = new Checked(Policy.FOLLOW, events, 0, RmpFollower.Order.TABLE_FIRST)) {
      events.forEach(checked::apply);
      assertEquals("", checked.wrong(REGION_BYTES + PAGE));
      PageTable table = isNested ? checked.run.nestedTable() : checked.run.table();
      IotlbGather gather = table.newGather();
      var _ = table.merge(REGION_BYTES, REGION_BYTES, 21, gather);
      checked.machine.flush(table, gather);
      gather.complete();
      assertNotEquals("", checked.wrong(REGION_BYTES + PAGE));
    }
  }

  @Test
  void aRegionIsLargeAgainInBothTablesOnceAllItsPagesAreBack() {
    List<TraceEvent> events =
        List.of(
            new TraceEvent.Map(1, 0, OptionalLong.empty(), 4 * REGION_BYTES, 3),
            new TraceEvent.Share(2, REGION_BYTES, REGION_BYTES),
            new TraceEvent.Unshare(3, REGION_BYTES, REGION_BYTES - PAGE));
    try (Checked checked =
        new Checked(Policy.FOLLOW, events, SHARED_BASE, RmpFollower.Order.TABLE_FIRST)) {
      events.forEach(checked::apply);
      assertEquals(12, sizeLog2(checked.run.nestedTable(), REGION_BYTES));
      assertTrue(sizeLog2(checked.run.table(), REGION_BYTES) < 21);
      checked.apply(new TraceEvent.Unshare(4, 2 * REGION_BYTES - PAGE, PAGE));
      assertEquals(21, sizeLog2(checked.run.nestedTable(), REGION_BYTES));
      assertTrue(sizeLog2(checked.run.table(), REGION_BYTES) >= 21);
    }
  }

  private static int sizeLog2(PageTable table, long gpa) {
    var leaf = table.leaves();
    assertTrue(table.leafAt(gpa, leaf));
    return leaf.sizeLog2();
  }
}
