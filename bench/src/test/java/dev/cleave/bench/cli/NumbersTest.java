package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NumbersTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "42, 42",
    "0x2A, 42",
    "4K, 4096",
    "0x10K, 16384",
    "2M, 2097152",
    "3G, 3221225472",
    "1t, 1099511627776",
    "18446744073709551615, -1",
    "0xffffffffffffffff, -1",
    "16777215T, -1099511627776",
    "007, 7"
  })
  void decimalHexAndSuffixesAreRead(String text, long value) {
    assertEquals(value, Numbers.parse(text));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "K",
        "0x",
        "-1",
        "+1",
        "1.5",
        "1KB",
        "1P",
        "0xg",
        "18446744073709551616",
        "16777216T",
        "0x10000000000000000"
      })
  void anythingElseIsRefused(String text) {
    assertThrows(NumberFormatException.class, () -> Numbers.parse(text));
  }

  @Test
  void sizesAreWrittenInTheLargestUnitThatDividesThem() {
    assertEquals("0", Numbers.size(0));
    assertEquals("4K", Numbers.size(4096));
    assertEquals("3M", Numbers.size(3 << 20));
    assertEquals("2P", Numbers.size(1L << 51));
    assertEquals("1025", Numbers.size(1025));
  }
}
