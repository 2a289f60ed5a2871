package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.cleave.hwmodel.rmp.RmpEntry;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpState;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the firmware does for host and guest, and what it refuses. */
class TioFirmwareTest {
  private static final long COVERED = 16L << 20;
  private static final int ASID = 5;
  private static final int DEVICE = 0x42;
  private static final long MMIO = 0x20_0000;
  private static final long GPA = 0xc000_0000L;
  private static final long STREAMS = 0x0807_0605_0403_0281L;

  private final Machine machine = new Machine(IommuConfig.standard(), COVERED);
  private final TioFirmware firmware = machine.iommu.firmware();
  private final RmpInstructions cpu = new RmpInstructions(machine.rmp(COVERED));
  private final long gctx = machine.guest(ASID);

  private void bind() {
    firmware.connect(DEVICE, 21, STREAMS, MMIO, 0x4000);
    firmware.bind(DEVICE, gctx, TdiBinding.of(7));
  }

  private int write(int asid, long... request) {
    return firmware.writeEntry(asid, DEVICE, request);
  }

  @Test
  void aGuestWritesItsOwnDevicesEntryOnceItIsBound() {
    long[] request = SecureDeviceEntry.request(1, 2, 1L << 41);
    assertEquals(1, write(ASID, request));
    firmware.connect(DEVICE, 21, STREAMS, MMIO, 0x4000);
    assertEquals(2, write(ASID, request));
    assertEquals(2, write(0, request), "no guest at all");
    firmware.bind(DEVICE, gctx, TdiBinding.of(7));
    assertEquals(2, write(ASID + 1, request));
    assertEquals(0, write(ASID, request));
    long[] expected = {1, 7, 0, 0x0004_8000_0000_0005L, STREAMS, 0x15_0020_0001L, 0, 0};
    assertArrayEquals(expected, firmware.entry(DEVICE));
    assertEquals(0, write(ASID, new long[8]));
    expected[0] = 0;
    expected[3] = 0x8000_0000_0005L;
    expected[5] = 0x15_0000_0000L;
    assertArrayEquals(expected, firmware.entry(DEVICE));
  }

  /** One bit of each field that is the firmware's, and reserved ones. */
  @ParameterizedTest
  @ValueSource(
      ints = {
        1, 4, 9, 52, 54, 55, 56, 58, 63, 64, 80, 96, 106, 107, 128, 134, 182, 187, 192, 203, 207,
        208, 224, 239, 240, 243, 246, 248, 256, 319, 352, 357, 384, 511
      })
  void aGuestCannotSetWhatIsNotItsOwn(int bit) {
    bind();
    long[] before = firmware.entry(DEVICE);
    long[] request = SecureDeviceEntry.request(1, 0, -1);
    request[bit / 64] |= 1L << bit % 64;
    assertEquals(3, write(ASID, request));
    assertArrayEquals(before, firmware.entry(DEVICE));
  }

  @Test
  void unbindingTakesTheEntryAway() {
    assertEquals(1, firmware.unbind(DEVICE));
    bind();
    assertEquals(0, firmware.unbind(DEVICE));
    assertEquals(0, firmware.entry(DEVICE).length);
    assertEquals(2, firmware.unbind(DEVICE));
    assertEquals(2, write(ASID, new long[8]));
    firmware.bind(DEVICE, gctx, TdiBinding.of(8));
    assertEquals(8, firmware.entry(DEVICE)[1]);
  }

  @Test
  void noCallKeepsTheFirmwareFromOthers() {
    bind();
    assign(0, 1, 0x5_0001_0001L);
    for (boolean validated : new boolean[] {true, false}) {
      assertEquals(0, firmware.validateMmio(ASID, DEVICE, 0, GPA, 1, validated));
      byAnotherThread();
    }
    assertEquals(0, write(ASID, SecureDeviceEntry.request(1, 2, 1L << 41)));
    byAnotherThread();
    assertEquals(0, firmware.unbind(DEVICE));
    byAnotherThread();
  }

  private void byAnotherThread() {
    assertTimeoutPreemptively(Duration.ofSeconds(20), () -> firmware.entry(DEVICE));
  }

  @Test
  void whatTheHostGetsWrongThrows() {
    assertThrows(IllegalArgumentException.class, () -> firmware.createGuest(0x40_0000, 6));
    assertThrows(IllegalArgumentException.class, () -> firmware.createGuest(gctx, 6));
    assertThrows(IllegalArgumentException.class, () -> firmware.createGuest(gctx, 0));
    assertThrows(IllegalArgumentException.class, () -> firmware.createGuest(COVERED, 6));
    assertThrows(
        IllegalArgumentException.class, () -> firmware.bind(DEVICE, gctx, TdiBinding.of(7)));
    bind();
    assertThrows(
        IllegalArgumentException.class, () -> firmware.bind(DEVICE, gctx, TdiBinding.of(7)));
    assertThrows(IllegalArgumentException.class, () -> firmware.connect(DEVICE, 0, 0, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> firmware.connect(1, 32, 0, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> firmware.connect(1, 0, 0, 0x800, 0));
    assertThrows(IllegalArgumentException.class, () -> firmware.connect(0x1_0000, 0, 0, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> write(ASID, 1, 2));
    assertThrows(IllegalStateException.class, () -> new Machine().iommu.firmware());
    Machine none = new Machine(IommuConfig.standard().withTrustedIo(TrustedIo.NONE), COVERED);
    assertThrows(
        IllegalStateException.class, () -> none.iommu.firmware().connect(DEVICE, 0, 0, 0, 0));
  }

  @Test
  void aGuestHasAnAsidOf1To1023() {
    machine.guest(1);
    long gctx1023 = machine.guest(1023);
    firmware.connect(DEVICE, 0, 0, 0, 0);
    firmware.bind(DEVICE, gctx1023, TdiBinding.of(7));
    long page = 0x30_0000;
    assertEquals(0, cpu.rmpUpdate(page, 0, RmpState.assigned(0, false, true)));
    assertThrows(IllegalArgumentException.class, () -> firmware.createGuest(page, 1024));
    firmware.createGuest(page, 6);
  }

  private int validate(long offset, int pages, boolean validated) {
    return firmware.validateMmio(ASID, DEVICE, offset, GPA + offset, pages, validated);
  }

  private void assign(int from, int to, long state) {
    for (long page = from; page < to; page++) {
      assertEquals(0, cpu.rmpUpdate(MMIO + page * 0x1000, GPA + page * 0x1000, state));
    }
  }

  private long q0(long page) {
    return machine.memory.getLong(0x80_4000 + (MMIO / 0x1000 + page) * 16);
  }

  private long q1(long page) {
    return machine.memory.getLong(0x80_4000 + (MMIO / 0x1000 + page) * 16 + 8);
  }

  @Test
  void registersOfADeviceAreValidatedAndTellTheWayToIt() {
    bind();
    assign(0, 4, 0x5_0001_0001L);
    assertEquals(0, validate(0x1000, 2, true));
    assertEquals(0, q0(0) >>> 62 & 1);
    assertEquals(0, q1(0) >>> 32);
    for (int page = 1; page <= 2; page++) {
      assertEquals(1, q0(page) >>> 62 & 1);
      // root port 21 in 53:49, stream 0x81 in 61:54
      assertEquals(0x206a_0000_0000_001fL, q1(page));
      assertEquals(21, RmpEntry.rootPort(q1(page)));
      assertEquals(0x81, RmpEntry.stream(q1(page)));
      assertEquals(0, RmpEntry.migration(q1(page)));
    }
    assertEquals(0, validate(0x1000, 2, false));
    assertEquals(0, q0(1) >>> 62 & 1);
  }

  @Test
  void everyReasonNotToValidateHasItsCode() {
    assertEquals(1, validate(0, 1, true));
    firmware.connect(DEVICE, 21, STREAMS, MMIO, 0x4000);
    assertEquals(2, validate(0, 1, true));
    firmware.bind(DEVICE, gctx, TdiBinding.of(7));
    assertEquals(3, validate(0, 1, true), "not assigned");
    assign(0, 1, 0x5_0000_0001L);
    assertEquals(6, validate(0, 1, true), "not immutable");
    assign(0, 4, 0x5_0001_0001L);
    assertEquals(7, firmware.validateMmio(ASID, DEVICE, 0, GPA + 0x1000, 1, true), "wrong gpa");
    assertEquals(0, validate(0x2000, 1, true));
    assertEquals(5, validate(0, 4, true), "not uniform");
    assertEquals(8, validate(0x4000, 1, true), "not reported");
    assertEquals(8, validate(0x800, 1, true));
    assertEquals(8, validate(0, 0, true));
    assertEquals(9, validate(0x2000, 3, true), "out of range");
    for (int page : new int[] {0, 1, 3}) {
      assertEquals(0, q0(page) >>> 62 & 1, "nothing was changed");
    }
  }

  @Test
  void registersOfTwoMegabytesOrBeyondTheRmpAreRefused() {
    firmware.connect(DEVICE, 0, 0, COVERED - 0x20_0000 - 0x20_0000, 0x20_0000);
    firmware.bind(DEVICE, gctx, TdiBinding.of(7));
    long spa = COVERED - 0x40_0000;
    assertEquals(0, cpu.rmpUpdate(spa, GPA, 0x5_0001_0101L));
    assertEquals(10, validate(0, 1, true));
    firmware.connect(7, 0, 0, COVERED, 0x1000);
    firmware.bind(7, gctx, TdiBinding.of(7));
    assertEquals(4, firmware.validateMmio(ASID, 7, 0, GPA, 1, true));
  }
}
