package dev.cleave.hwmodel.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import java.lang.foreign.Arena;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The processor's accesses: nested walk, RMP checks, error codes to the bit. */
class GuestTest {
  private static final long COVERED = 16L << 20;
  private static final long ROOT = 0x1_0000;
  private static final long LEVEL3 = 0x1_1000;
  private static final long DIRECTORY = 0x1_2000;
  private static final long PAGES = 0x1_3000;
  private static final long RMP = 0x10_0000;

  /** The region under test. */
  private static final long SPA = 0xc0_0000;

  private static final long GPA = 0x60_0000;
  private static final int ASID = 5;

  /** Error codes: a read, a write, a fetch at the final address by user; C-bit; RMP. */
  private static final long READ = 0x1_0000_0004L;

  private static final long WRITE = 0x1_0000_0006L;
  private static final long FETCH = 0x1_0000_0014L;
  private static final long C = 1L << 34;
  private static final long RMP_FAULT = 1 | 1L << 31;
  private static final long SIZEM = 1L << 35;
  private static final long VMPL = 1L << 36;

  private final PhysicalMemory memory = new PhysicalMemory();
  private final ReverseMap map = new ReverseMap(memory, RMP, COVERED);
  private final RmpInstructions hypervisor = new RmpInstructions(map);
  private final Guest guest = new Guest(memory, map, ROOT, 4, ASID, 0);

  GuestTest() {
    memory.allocate(0, COVERED, Arena.ofAuto());
    memory.setLong(ROOT, LEVEL3 | 0x07);
    memory.setLong(LEVEL3, DIRECTORY | 0x07);
  }

  private void mapLarge() {
    memory.setLong(DIRECTORY + 3 * 8, SPA | 0x87);
  }

  private void mapSmall() {
    memory.setLong(DIRECTORY + 3 * 8, PAGES | 0x07);
    for (int i = 0; i < 512; i++) {
      memory.setLong(PAGES + i * 8L, (SPA + i * 0x1000L) | 0x07);
    }
  }

  private void assign(long offset, long state) {
    assertEquals(0, hypervisor.rmpUpdate(SPA + offset, GPA + offset, state));
  }

  /** A private region of 2 MiB, or its first two pages, validated. */
  private void makePrivate(boolean large) {
    if (large) {
      assign(0, 0x5_0000_0101L);
      assertEquals(0, hypervisor.pvalidate(SPA, GPA, ASID, true, true));
    } else {
      assign(0, 0x5_0000_0001L);
      assign(0x1000, 0x5_0000_0001L);
      assertEquals(0, hypervisor.pvalidate(SPA, GPA, ASID, false, true));
      assertEquals(0, hypervisor.pvalidate(SPA + 0x1000, GPA + 0x1000, ASID, false, true));
    }
  }

  private void assertFault(long code, long outcome) {
    assertEquals(Guest.NESTED_PAGE_FAULT, outcome);
    assertEquals("0x%x".formatted(code), "0x%x".formatted(guest.errorCode()));
  }

  @ParameterizedTest
  @CsvSource({"true, true, true", "false, false, true", "true, false, false", "false, true, false"})
  void aPrivateAccessWantsEqualPageSizes(boolean npt, boolean rmp, boolean legal) {
    if (npt) {
      mapLarge();
    } else {
      mapSmall();
    }
    makePrivate(rmp);
    long outcome = guest.access(GPA + 0x1008, Guest.READ, true);
    if (legal) {
      assertEquals(SPA + 0x1008, outcome);
    } else {
      assertFault(READ | C | RMP_FAULT | SIZEM, outcome);
    }
  }

  @Test
  void aGigabyteLeafIsCheckedInPiecesOfTwoMegabytes() {
    memory.setLong(LEVEL3, 0x87);
    assertEquals(0, hypervisor.rmpUpdate(0x60_0000, 0x60_0000, 0x5_0000_0101L));
    assertEquals(0, hypervisor.pvalidate(0x60_0000, 0x60_0000, ASID, true, true));
    assertEquals(0x60_0008L, guest.access(0x60_0008, Guest.READ, true));
    assertFault(READ | C | RMP_FAULT, guest.access(0x80_0000, Guest.READ, true));
    assertEquals(0x80_0000L, guest.access(0x80_0000, Guest.WRITE, false));
  }

  @Test
  void aPageOfAnotherGuestOrAnotherAddressOrNobodysIsAnRmpFault() {
    mapSmall();
    assertFault(WRITE | C | RMP_FAULT, guest.access(GPA, Guest.WRITE, true));
    assertEquals(0, hypervisor.rmpUpdate(SPA, GPA, 0x6_0000_0001L));
    assertFault(READ | C | RMP_FAULT, guest.access(GPA, Guest.READ, true));
    assertEquals(0, hypervisor.rmpUpdate(SPA, GPA + 0x1000, 0x5_0000_0001L));
    assertFault(FETCH | C | RMP_FAULT, guest.access(GPA, Guest.EXECUTE, true));
  }

  @Test
  void anImmutablePageIsAnRmpFault() {
    mapSmall();
    assign(0, 0x5_0001_0001L);
    assertFault(READ | C | RMP_FAULT, guest.access(GPA, Guest.READ, true));
  }

  @Test
  void aPageBeyondTheRmpCannotBePrivate() {
    memory.setLong(DIRECTORY + 3 * 8, 0x4000_0087L);
    assertFault(READ | C | RMP_FAULT, guest.access(GPA, Guest.READ, true));
    assertEquals(0x4000_0000L, guest.access(GPA, Guest.WRITE, false));
  }

  @Test
  void aPageTheGuestHasNotValidatedIsTheGuestsProblem() {
    mapSmall();
    assign(0, 0x5_0000_0001L);
    assertEquals(Guest.NOT_VALIDATED, guest.access(GPA, Guest.READ, true));
    assertEquals(0, guest.pvalidate(GPA, false, true));
    assertEquals(SPA, guest.access(GPA, Guest.READ, true));
    assertEquals(0x100, guest.pvalidate(GPA, false, true));
  }

  @Test
  void vmplPermissionsAreCheckedLast() {
    mapSmall();
    makePrivate(false);
    Guest lower = new Guest(memory, map, ROOT, 4, ASID, 1);
    assertEquals(Guest.NESTED_PAGE_FAULT, lower.access(GPA, Guest.READ, true));
    assertEquals(READ | C | RMP_FAULT | VMPL, lower.errorCode());
    assertEquals(0, guest.rmpAdjust(GPA, false, 1, 0x1, false));
    assertEquals(SPA, lower.access(GPA, Guest.READ, true));
    assertEquals(Guest.NESTED_PAGE_FAULT, lower.access(GPA, Guest.WRITE, true));
    assertEquals(WRITE | C | RMP_FAULT | VMPL, lower.errorCode());
    assertEquals(Guest.NESTED_PAGE_FAULT, lower.access(GPA, Guest.EXECUTE, true));
    assertEquals(FETCH | C | RMP_FAULT | VMPL, lower.errorCode());
    assertEquals(2, lower.rmpAdjust(GPA, false, 2, 0x3, false));
  }

  @Test
  void aSharedWriteWantsTheHypervisorsPageAndAReadDoesNotCare() {
    mapSmall();
    assign(0, 0x5_0000_0001L);
    assertFault(WRITE | RMP_FAULT, guest.access(GPA, Guest.WRITE, false));
    assertEquals(SPA, guest.access(GPA, Guest.READ, false));
    assertEquals(SPA + 0x1000, guest.access(GPA + 0x1000, Guest.WRITE, false));
  }

  @Test
  void aSharedWriteThroughALargeLeafWantsAWholeRegion() {
    mapLarge();
    assertEquals(SPA, guest.access(GPA, Guest.WRITE, false));
    assign(0x5000, 0x5_0000_0001L);
    assertFault(WRITE | RMP_FAULT, guest.access(GPA, Guest.WRITE, false));
    assertEquals(SPA, guest.access(GPA, Guest.READ, false));
  }

  @Test
  void theHypervisorMayWriteOnlyWhatIsItsOwn() {
    assertTrue(map.isHypervisors(SPA, true));
    assign(0x5000, 0x5_0000_0001L);
    assertEquals(false, map.isHypervisors(SPA, true));
    assertTrue(map.isHypervisors(SPA, false));
    assertEquals(false, map.isHypervisors(SPA + 0x5000, false));
    assertTrue(map.isHypervisors(COVERED, true));
  }

  @Test
  void pvalidateOfFourKilobytesInALargePageTellsTheHypervisorToSmashIt() {
    mapLarge();
    makePrivate(true);
    assertFault(WRITE | C | RMP_FAULT | SIZEM, guest.pvalidate(GPA + 0x1000, false, false));
    assertFault(WRITE | C | RMP_FAULT | SIZEM, guest.rmpAdjust(GPA + 0x1000, false, 1, 0, false));
    assertEquals(0, hypervisor.psmash(SPA));
    mapSmall();
    assertEquals(0, guest.pvalidate(GPA + 0x1000, false, false));
    assertEquals(6, guest.pvalidate(GPA, true, true));
  }

  @Test
  void pvalidateOfANotOwnedPageIsAnRmpFault() {
    mapSmall();
    assertFault(WRITE | C | RMP_FAULT, guest.pvalidate(GPA, false, true));
    assertFault(WRITE | C, guest.pvalidate(0x8000_0000L, false, true));
  }

  @Test
  void aMissingEntryIsNotPresentAndAForbiddenOneIs() {
    assertFault(READ, guest.access(GPA, Guest.READ, false));
    assertFault(WRITE | C, guest.access(GPA, Guest.WRITE, true));
    mapSmall();
    memory.setLong(PAGES, SPA | 0x05);
    assertEquals(SPA, guest.access(GPA, Guest.READ, false));
    assertFault(WRITE | 1, guest.access(GPA, Guest.WRITE, false));
    memory.setLong(PAGES, SPA | 0x03);
    assertFault(READ | 1, guest.access(GPA, Guest.READ, false));
    memory.setLong(PAGES, SPA | 0x07 | 1L << 63);
    assertFault(FETCH | 1, guest.access(GPA, Guest.EXECUTE, false));
    memory.setLong(LEVEL3, DIRECTORY | 0x05);
    assertFault(WRITE | 1, guest.access(GPA, Guest.WRITE, false));
  }

  @Test
  void aReservedBitIsAFaultOfItsOwn() {
    memory.setLong(DIRECTORY + 3 * 8, (SPA + 0x2000) | 0x87);
    assertFault(READ | 9, guest.access(GPA, Guest.READ, false));
    memory.setLong(DIRECTORY + 3 * 8, (SPA + 0x1000) | 0x87);
    assertEquals(SPA, guest.access(GPA, Guest.READ, false), "bit 12 is PAT");
    memory.setLong(ROOT, LEVEL3 | 0x87);
    assertFault(READ | 9, guest.access(GPA, Guest.READ, false));
  }

  @Test
  void accessedAndDirtyAreSetOnceTheAccessIsAllowed() {
    mapSmall();
    assertEquals(SPA, guest.access(GPA, Guest.READ, false));
    assertEquals(SPA | 0x27, memory.getLong(PAGES));
    assertEquals(LEVEL3 | 0x27, memory.getLong(ROOT));
    guest.access(GPA, Guest.WRITE, false);
    assertEquals(SPA | 0x67, memory.getLong(PAGES));
    assign(0x1000, 0x5_0000_0001L);
    assertFault(WRITE | RMP_FAULT, guest.access(GPA + 0x1000, Guest.WRITE, false));
    assertEquals((SPA + 0x1000) | 0x07, memory.getLong(PAGES + 8));
  }

  @Test
  void aTableInAHoleIsAMachineCheck() {
    memory.setLong(LEVEL3, 0x7_0000_0007L);
    assertEquals(Guest.MACHINE_CHECK, guest.access(GPA, Guest.READ, false));
    assertEquals(Guest.MACHINE_CHECK, guest.pvalidate(GPA, false, true));
  }

  @Test
  void fiveLevelsTranslateWhatFourCannotName() {
    long top = 0x2_0000;
    memory.setLong(top + 8, ROOT | 0x07);
    mapSmall();
    Guest five = new Guest(memory, map, top, 5, ASID, 0);
    assertEquals(SPA + 0x10, five.access((1L << 48) + GPA + 0x10, Guest.READ, false));
    assertEquals(Guest.NESTED_PAGE_FAULT, five.access(GPA, Guest.READ, false));
    five.setRoot(0x3_0000);
    assertEquals(Guest.NESTED_PAGE_FAULT, five.access((1L << 48) + GPA, Guest.READ, false));
  }

  @Test
  void aGuestNeedsItsOwnAsidAndATableOfFourOrFiveLevels() {
    assertThrows(IllegalArgumentException.class, () -> new Guest(memory, map, 0, 3, 1, 0));
    assertThrows(IllegalArgumentException.class, () -> new Guest(memory, map, 0, 4, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> new Guest(memory, map, 0, 4, 1024, 0));
    assertThrows(IllegalArgumentException.class, () -> new Guest(memory, map, 0, 4, 1, 4));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void randomTablesEndInAnOutcomeAndNeverThrow(long seed) {
    Random random = new Random(seed);
    for (long at = ROOT; at < RMP; at += 8) {
      memory.setLong(at, (random.nextLong() & 0x8000_0000_01ff_f0ffL) | (at % 3 == 0 ? 7 : 0));
    }
    for (long at = RMP + 0x4000; at < RMP + 0x4000 + 4096 * 16; at += 8) {
      memory.setLong(at, random.nextLong());
    }
    for (int round = 0; round < 20_000; round++) {
      long outcome =
          guest.access(
              random.nextLong() >>> random.nextInt(50), random.nextInt(3), random.nextBoolean());
      assertTrue(outcome >= Guest.MACHINE_CHECK && outcome >>> 52 == (outcome < 0 ? 0xfff : 0));
    }
  }
}
