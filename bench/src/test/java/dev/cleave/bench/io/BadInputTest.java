package dev.cleave.bench.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Refusals are one line for a person, whatever stood in the file that they quote. */
class BadInputTest {
  @ParameterizedTest
  @ValueSource(
      strings = {"a\nb", "a\rb", "a\u0085b", "a\u2028b", "a\u2029b", "a\u001bb", "a\u0000b"})
  void whatWouldEndALineOrMoveACursorIsShownAsAQuestionMark(String text) {
    assertEquals("x: a?b", BadInput.in("x", text).getMessage());
    assertEquals("x:7: a?b", BadInput.at("x", 7, text).getMessage());
    assertEquals("a?b", new BadInput(text).getMessage());
    assertEquals("x: a?b", BadInput.cannotUse("x", new IOException(text)).getMessage());
  }

  @Test
  void wordsAreLeftAsTheyAre() {
    assertEquals("Grüße: α 1\u00a0MiB", BadInput.in("Grüße", "α 1\u00a0MiB").getMessage());
  }
}
