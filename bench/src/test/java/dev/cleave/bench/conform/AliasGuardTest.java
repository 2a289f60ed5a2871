package dev.cleave.bench.conform;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class AliasGuardTest {
  private final AliasGuard guard = new AliasGuard();

  @Test
  void ofTwoAddressesThatDifferAboveBit48TheFirstIsAdmitted() {
    assertTrue(guard.admits(0x0005_0000_1234_5000L));
    assertTrue(guard.admits(0x0005_0000_1234_5000L));
    assertFalse(guard.admits(0x0007_0000_1234_5000L));
    assertFalse(guard.admits(0x0000_0000_1234_5000L));
  }

  @Test
  void addressesThatDifferBelowBit48AreAllAdmitted() {
    assertTrue(guard.admits(0x0005_0000_1234_5000L));
    assertTrue(guard.admits(0x0007_0001_1234_5000L));
  }

  @Test
  void nothingMayLookLikeTheRings() {
    assertTrue(guard.admits(CaseRun.WINDOW_IOVA));
    assertFalse(guard.admits(0x0001_0000_0000_0000L | CaseRun.WINDOW_IOVA));
  }
}
