package dev.cleave.bench.conform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.conform.qemu.GuestLayout;
import dev.cleave.engine.format.AmdV1;
import java.util.EnumSet;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class CaseGeneratorTest {
  private static final long WINDOW_LAST = CaseRun.WINDOW_IOVA + GuestLayout.WINDOW_BYTES - 1;

  @Test
  void aCaseIsMadeFromItsSeedAndNumberAlone() {
    for (long number = 0; number < 60; number++) {
      assertEquals(CaseGenerator.generate(7, number), CaseGenerator.generate(7, number));
      assertNotEquals(CaseGenerator.generate(7, number), CaseGenerator.generate(8, number));
    }
  }

  @Test
  void everyKindHasItsTurn() {
    Set<CaseKind> kinds = EnumSet.noneOf(CaseKind.class);
    for (long number = 0; number < CaseKind.values().length; number++) {
      kinds.add(CaseGenerator.generate(1, number).kind());
    }
    assertEquals(EnumSet.allOf(CaseKind.class), kinds);
  }

  @Test
  void everyLeafSizeIsMappedAsOneAlignedPiece() {
    Set<Integer> sizes = new TreeSet<>();
    int kinds = CaseKind.values().length;
    for (int round = 0; round < 20; round++) {
      for (Op op : CaseGenerator.generate(1, (long) round * kinds).ops()) {
        if (op instanceof Op.Map map) {
          assertEquals(0, (map.iova() | map.paddr()) & (map.length() - 1), op::toString);
          sizes.add(Long.numberOfTrailingZeros(map.length()));
        }
      }
    }
    long bitmap = sizes.stream().mapToLong(log2 -> 1L << log2).sum();
    assertEquals(AmdV1.LINUX.leafSizes(), bitmap);
  }

  @Test
  void noOperationTouchesTheWindowOfTheRings() {
    for (long number = 0; number < 600; number++) {
      for (Op op : CaseGenerator.generate(3, number).ops()) {
        if (op instanceof Op.Change change) {
          long last = change.iova() + change.length() - 1;
          assertTrue(
              Long.compareUnsigned(last, CaseRun.WINDOW_IOVA) < 0
                  || Long.compareUnsigned(change.iova(), WINDOW_LAST) > 0,
              () -> op + " in case of seed 3");
        }
      }
    }
  }
}
