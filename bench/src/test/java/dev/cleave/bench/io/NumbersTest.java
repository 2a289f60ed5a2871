package dev.cleave.bench.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NumbersTest {
  private static final BigInteger TWO_TO_64 = BigInteger.ONE.shiftLeft(64);

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "007, 7",
    "4096, 4096",
    "0x0, 0",
    "0x1000, 4096",
    "0xFfF, 4095",
    "4K, 4096",
    "4k, 4096",
    "2M, 2097152",
    "1G, 1073741824",
    "1T, 1099511627776",
    "0x10K, 16384",
    "18446744073709551615, -1",
    "0xffffffffffffffff, -1",
    "0x00000000000000000000ffffffffffffffff, -1",
    "16777215T, -1099511627776"
  })
  void readsDecimalHexAndSuffixes(String text, long value) {
    assertEquals(value, Numbers.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "x",
        "0x",
        "K",
        "0xK",
        "-1",
        "+1",
        "1 ",
        " 1",
        "1.5",
        "1KB",
        "1KK",
        "1P",
        "0X10",
        "10h",
        "1_000",
        "0xg",
        "٣",
        "１",
        "18446744073709551616",
        "0x10000000000000000",
        "16777216T",
        "18014398509481984K",
        "99999999999999999999",
        "0x80000000000000001"
      })
  void refusesEverythingElse(String text) {
    assertThrows(IllegalArgumentException.class, () -> Numbers.parse(text));
  }

  @Test
  void theMessageNamesTheTextAndTheGrammar() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Numbers.parse("12Q")).getMessage();
    assertTrue(message.contains("'12Q'"), message);
    assertTrue(message.contains("K, M, G, T"), message);
  }

  @Test
  void aHugeTextIsNotRepeatedInFullInTheMessage() {
    String message =
        assertThrows(IllegalArgumentException.class, () -> Numbers.parse("9".repeat(100_000)))
            .getMessage();
    assertTrue(message.length() < 200, message);
  }

  @Test
  void agreesWithBigIntegerAroundEveryPowerOfTwo() {
    Random random = new Random(1);
    for (int bits = 0; bits <= 66; bits++) {
      for (int i = 0; i < 100; i++) {
        BigInteger value =
            BigInteger.ONE.shiftLeft(bits).add(BigInteger.valueOf(random.nextInt(7) - 3)).abs();
        int suffix = random.nextInt(5);
        boolean isHex = random.nextBoolean();
        String text =
            (isHex ? "0x" + value.toString(16) : value.toString())
                + "KMGT".substring(Math.max(suffix - 1, 0), suffix);
        BigInteger expected = value.shiftLeft(10 * suffix);
        if (expected.compareTo(TWO_TO_64) < 0) {
          assertEquals(expected.longValue(), Numbers.parse(text), text);
        } else {
          assertThrows(IllegalArgumentException.class, () -> Numbers.parse(text), text);
        }
      }
    }
  }

  @Test
  void aSizeOfManyDigitsIsWrittenInSeveralUnits() {
    assertEquals("8T+44K", Numbers.size((8L << 40) + (44 << 10)));
    assertEquals("1E+1G+3M", Numbers.size((1L << 60) + (1 << 30) + (3 << 20)));
    assertEquals("15E+1023P+1023T+1023G+1023M+1023K", Numbers.size(-1024));
    assertEquals("9999K", Numbers.size(9999L << 10));
    assertEquals("9M+785K", Numbers.size((9999L << 10) + (2 << 10)));
  }

  @Test
  void sizesAreWrittenInTheLargestUnitThatDividesThem() {
    assertEquals("0", Numbers.size(0));
    assertEquals("4K", Numbers.size(4096));
    assertEquals("3M", Numbers.size(3 << 20));
    assertEquals("2P", Numbers.size(1L << 51));
    assertEquals("1025", Numbers.size(1025));
    assertEquals("1536M", Numbers.size(3L << 29));
  }
}
