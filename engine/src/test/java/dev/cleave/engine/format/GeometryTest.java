package dev.cleave.engine.format;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.math.BigInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The arithmetic of tables, by brute force. */
class GeometryTest {
  private static final BigInteger FIVE_TWELVE = BigInteger.valueOf(512);

  private static BigInteger entryBytes(int level) {
    return BigInteger.valueOf(4096).multiply(FIVE_TWELVE.pow(level - 1));
  }

  private static BigInteger unsigned(long value) {
    return new BigInteger(Long.toUnsignedString(value));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6})
  void anEntryCoversFiveHundredTwelveTimesTheOneBelow(int level) {
    assertEquals(entryBytes(level), BigInteger.ONE.shiftLeft(Geometry.entryLog2(level)));
    assertEquals(entryBytes(level + 1), BigInteger.ONE.shiftLeft(Geometry.tableLog2(level)));
  }

  @ParameterizedTest
  @ValueSource(longs = {0, 0x1000, 0x1f_f000, 0x20_0000, 0x7f_ffff_ffffL, 0x123456789abcdef0L, -1})
  void anIndexIsWhatDivisionSays(long address) {
    for (int level = 1; level <= 6; level++) {
      BigInteger expected = unsigned(address).divide(entryBytes(level)).mod(FIVE_TWELVE);
      assertEquals(expected.intValue(), Geometry.index(address, level));
    }
  }

  @Test
  void aLeafStandsWhereItsSizeIsBetweenOneEntryAndATable() {
    for (int sizeLog2 = 12; sizeLog2 < 64; sizeLog2++) {
      BigInteger size = BigInteger.ONE.shiftLeft(sizeLog2);
      int level = 1;
      while (entryBytes(level + 1).compareTo(size) <= 0) {
        level++;
      }
      assertEquals(level, Geometry.leafLevel(sizeLog2));
      assertEquals(size.divide(entryBytes(level)).intValue(), 1 << Geometry.slotsLog2(sizeLog2));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1",
    "1fffff, 1",
    "200000, 2",
    "3fffffff, 2",
    "40000000, 3",
    "7fffffffff, 3",
    "8000000000, 4",
    "ffffffffffff, 4",
    "1000000000000, 5",
    "1ffffffffffffff, 5",
    "200000000000000, 6",
    "ffffffffffffffff, 6"
  })
  void anAddressNeedsTheFewestLevelsThatReachIt(String address, int levels) {
    long iova = Long.parseUnsignedLong(address, 16);
    assertEquals(levels, Geometry.levelsFor(iova));
    for (int more = 1; more <= 6; more++) {
      assertEquals(more >= levels, Geometry.reaches(more, iova));
    }
  }

  @Test
  void anOffsetMaskIsOneLessThanTheSize() {
    for (int sizeLog2 = 0; sizeLog2 < 64; sizeLog2++) {
      BigInteger expected = BigInteger.ONE.shiftLeft(sizeLog2).subtract(BigInteger.ONE);
      assertEquals(expected, unsigned(Geometry.offsetMask(sizeLog2)));
    }
  }
}
