package dev.cleave.engine.format;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What two entries on the way to an address allow together. */
class AccessTest {

  @ParameterizedTest
  @CsvSource({"3, 3, 3", "3, 1, 1", "1, 3, 1", "1, 2, 0"})
  void readsAndWritesNeedBoth(int outer, int inner, int both) {
    assertEquals(both, Access.both(outer, inner));
  }

  @ParameterizedTest
  @CsvSource({"1, 9, 9", "9, 1, 9", "9, 9, 9", "1, 1, 1"})
  void executionIsForbiddenByEither(int outer, int inner, int both) {
    assertEquals(both, Access.both(outer, inner));
  }

  @ParameterizedTest
  @CsvSource({"5, 1, 1", "1, 5, 5"})
  void whetherMemoryIsEncryptedIsTheInnersToSay(int outer, int inner, int both) {
    assertEquals(both, Access.both(outer, inner));
  }

  @ParameterizedTest
  @CsvSource({"0, -", "1, r", "2, w", "3, rw", "9, r", "15, rw"})
  void permissionsHaveTheWordsOfTheCommandLine(int access, String words) {
    assertEquals(words, Access.permissions(access));
  }
}
