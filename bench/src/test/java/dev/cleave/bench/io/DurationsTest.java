package dev.cleave.bench.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {
  @ParameterizedTest
  @CsvSource({
    "0, 0, 0s",
    "7ns, 7, 7ns",
    "1us, 1000, 1us",
    "50ms, 50000000, 50ms",
    "1.5s, 1500000000, 1500ms",
    "0.25us, 250, 250ns",
    "3600S, 3600000000000, 3600s"
  })
  void a_duration_is_a_number_and_its_unit(String text, long nanos, String words) {
    assertEquals(nanos, Durations.parse(text));
    assertEquals(words, Durations.words(nanos));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "5", "ms", "-1ms", "1m", "1.ms", "1,5s", "1 s", "0x10s", "1e3s"})
  void anything_else_is_refused_with_the_text(String text) {
    var refusal = assertThrows(NumberFormatException.class, () -> Durations.parse(text));
    assertTrue(
        refusal.getMessage().startsWith("not a duration: '" + text + "'; expected a number"),
        refusal.getMessage());
  }
}
