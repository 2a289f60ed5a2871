package dev.cleave.bench.image.rmp;

import static dev.cleave.bench.image.rmp.RmpMemory.ASID;
import static dev.cleave.bench.image.rmp.RmpMemory.COVERED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.image.table.Rule;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpVerdict;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What leaves are told by an RMP, against the check that the modelled hardware makes. */
class RmpJudgeTest {
  private static final long M2 = 2L << 20;
  private static final int TRIALS = 4000;

  private final RmpMemory memory = new RmpMemory();
  private final RmpJudge judge = new RmpJudge(memory.rmp(), ASID);

  private Rule rule(long iova, long spa, long bytes) {
    return new RmpJudge(memory.rmp(), ASID).judge(iova, spa, bytes, bytes).rule();
  }

  @Test
  void aLargeLeafNeedsOneLargePageOrNone() {
    memory.assignLarge(0, 0, ASID);
    assertNull(rule(0, 0, M2));
    assertNull(rule(M2, M2, M2));
    memory.assign(M2 + 0x5000, M2 + 0x5000, ASID);
    assertEquals(Rule.RMP_SIZE, rule(M2, M2, M2));
    assertEquals(Rule.RMP_SIZE, rule(0, 0, 2 * M2));
    memory.assign(2 * M2, 2 * M2, ASID);
    assertEquals(Rule.RMP_SIZE, rule(2 * M2, 2 * M2, M2));
  }

  @Test
  void aSmallLeafMustNotMeetALargePage() {
    memory.assignLarge(0, 0, ASID);
    memory.assign(M2, M2, ASID);
    assertEquals(Rule.RMP_SIZE, rule(0x10000, 0x10000, 0x1000));
    assertEquals(Rule.RMP_SIZE, rule(0x10_0000, 0x10_0000, 0x10_0000));
    assertNull(rule(M2, M2, 0x10_0000));
  }

  @Test
  void aPrivatePageMustBeTheGuestsOwnAndNotTheFirmwares() {
    memory.assign(0x1000, 0x1000, ASID + 1);
    memory.assign(0x2000, 0x2000, 0);
    assertEquals(Rule.RMP_OWNER, rule(0x1000, 0x1000, 0x1000));
    assertEquals(Rule.RMP_OWNER, rule(0x2000, 0x2000, 0x1000));
    var verdict = judge.judge(0, 0, 0x4000, 0x4000);
    assertTrue(verdict.detail().endsWith("(2 of 4 pages)"), verdict.detail());
    assertTrue(verdict.detail().startsWith("the page 0x1000 belongs to ASID 6"), verdict.detail());
  }

  @Test
  void aPrivatePageMustBeReachedWhereTheGuestHasIt() {
    memory.assign(0x1000, 0x7000, ASID);
    memory.assignLarge(M2, 3 * M2, ASID);
    assertEquals(Rule.RMP_GPA, rule(0x1000, 0x1000, 0x1000));
    assertNull(rule(0x7000, 0x1000, 0x1000));
    assertEquals(Rule.RMP_GPA, rule(M2, M2, M2));
    assertNull(rule(3 * M2, M2, M2));
  }

  @Test
  void aTableOfNoGuestMustLeadToSharedMemoryOnly() {
    memory.assign(0x1000, 0x1000, ASID);
    RmpJudge nobody = new RmpJudge(memory.rmp(), 0);
    assertEquals(Rule.RMP_OWNER, nobody.judge(0x1000, 0x1000, 0x1000, 0x1000).rule());
    assertNull(nobody.judge(0x2000, 0x2000, 0x1000, 0x1000).rule());
  }

  @Test
  void beyondTheRmpEverythingIsTheHypervisors() {
    assertNull(rule(0, COVERED, 1L << 30));
    assertTrue(judge.judge(0, COVERED, M2, M2).isKnown());
  }

  @Test
  void whatIsNotKnownIsNoFaultAndNotSaidToAgree() {
    PrintedRmp rmp =
        PrintedRmp.parse("x", List.of("SEV-SNP: PFN 0x201, RMP entry: [0x0000000000000001 - 0x0]"));
    RmpJudge printed = new RmpJudge(rmp, ASID);
    assertFalse(printed.judge(0, 0, M2, M2).isKnown());
    assertNull(printed.judge(0, 0, M2, M2).rule());
    assertTrue(printed.allowsLarge(0));
    assertEquals(Rule.RMP_SIZE, printed.judge(M2, M2, M2, M2).rule(), "a page of it is assigned");
  }

  @Test
  void aLeafOfNoMachineIsComparedAsFarAsTheRmpGoes() {
    assertTrue(judge.judge(0, 0, 1L << 51, 1L << 51).isKnown());
    memory.assign(COVERED - 0x1000, COVERED - 0x1000, ASID);
    assertEquals(Rule.RMP_SIZE, rule(0, 0, 1L << 51));
    PrintedRmp rmp = PrintedRmp.parse("x", List.of("PFN 0x0, RMP entry: [0x3 - 0x0]"));
    assertFalse(new RmpJudge(rmp, 0).judge(0, 0, 1L << 51, 1L << 51).isKnown());
  }

  /** Random RMPs of four regions, and every leaf size up to 4 MiB. */
  @Test
  void itAgreesWithTheHardwareThatChecksEveryPage() {
    Random random = new Random(7);
    int refused = 0;
    for (int trial = 0; trial < TRIALS; trial++) {
      RmpMemory machine = trial % 40 == 0 ? randomMachine(random) : lastMachine;
      lastMachine = machine;
      int sizeLog2 = 12 + random.nextInt(11);
      long bytes = 1L << sizeLog2;
      long spa = random.nextLong(COVERED / bytes) * bytes;
      long iova = random.nextInt(4) == 0 ? spa ^ bytes : spa;
      boolean isAllowed = true;
      for (long page = 0; page < bytes; page += 0x1000) {
        isAllowed &= allows(machine.hardware, spa + page, iova + page, bytes >= M2);
      }
      var verdict = new RmpJudge(machine.rmp(), ASID).judge(iova, spa, bytes, bytes);
      assertEquals(isAllowed, verdict.rule() == null, "trial %d: %s".formatted(trial, verdict));
      refused += isAllowed ? 0 : 1;
    }
    assertTrue(refused > TRIALS / 10 && refused < TRIALS * 9 / 10, "refused " + refused);
  }

  /** A device of the hypervisor where the page is the hypervisor's, the guest's where it is not. */
  private static boolean allows(ReverseMap hardware, long spa, long gpa, boolean large) {
    int verdict =
        hardware.isHypervisors(spa, large)
            ? hardware.checkShared(spa, large)
            : hardware.checkPrivate(spa, gpa, ASID, large, -1, false);
    return verdict == RmpVerdict.ALLOWED;
  }

  private RmpMemory lastMachine;

  private static RmpMemory randomMachine(Random random) {
    RmpMemory machine = new RmpMemory();
    for (long region = 0; region < COVERED; region += M2) {
      int asid = random.nextInt(8) == 0 ? ASID + 1 : ASID;
      switch (random.nextInt(4)) {
        case 0 -> machine.assignLarge(region, region, asid);
        case 1 -> {
          for (int i = random.nextInt(4); i >= 0; i--) {
            long spa = region + random.nextInt(512) * 0x1000L;
            machine.assign(spa, random.nextInt(8) == 0 ? spa ^ 0x1000 : spa, asid);
          }
        }
        case 2 -> {
          for (long spa = region; spa < region + M2; spa += 0x1000) {
            machine.assign(spa, spa, asid);
          }
        }
        default -> {}
      }
    }
    return machine;
  }
}
