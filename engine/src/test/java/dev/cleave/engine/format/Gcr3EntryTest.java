package dev.cleave.engine.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Entries between a PASID and its table, after {@code docs/spec/iommu-behaviour.md} §7. */
class Gcr3EntryTest {
  @Test
  void anEntryIsAnAddressAndAValidBit() {
    assertEquals(0xFEDCBA9876001L, Gcr3Entry.of(0xFEDCBA9876000L));
    assertEquals(0xFEDCBA9876000L, Gcr3Entry.table(0xFEDCBA9876001L));
  }

  @Test
  void onlyTheValidBitMakesAnEntryCount() {
    assertTrue(Gcr3Entry.isValid(1));
    assertFalse(Gcr3Entry.isValid(-2));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 11, 52, 62, 63})
  void allOtherBitsAreReserved(int bit) {
    assertEquals(1L << bit, Gcr3Entry.reservedBits(0xFEDCBA9876001L | 1L << bit));
  }

  @ParameterizedTest
  @CsvSource({"0, 1, 0", "511, 1, 511", "1, 2, 512", "511, 2, 261632", "3, 3, 786432"})
  void anIndexIsNineBitsOfThePasid(int index, int level, int pasid) {
    assertEquals(pasid, Gcr3Entry.firstPasid(index, level));
    assertEquals(index, pasid >> (9 * (level - 1)) & 0x1ff);
  }
}
