package dev.cleave.bench.footprint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.bench.io.BadInput;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Logs, and lists of pages, that say what is shared. */
class GivenPatternTest {
  private static final long MIB = 1L << 20;

  @TempDir Path directory;

  private String file(String text) throws IOException {
    return Files.writeString(directory.resolve("pattern"), text).toString();
  }

  private static BitSet pages(int... numbers) {
    BitSet pages = new BitSet();
    for (int number : numbers) {
      pages.set(number);
    }
    return pages;
  }

  @Test
  void aLogSharesWhatIsSharedAtItsEndAndEndsWhereItsGuestEnds() throws IOException {
    String word =
        "log:"
            + file(
                """
                map 0 0 64M rw
                share 0x200000 12K
                unshare 0x201000 4K
                unmap 0 64M
                """);
    GivenPattern pattern = GivenPattern.read(word);
    assertEquals(pages(0x200, 0x202), pattern.pages());
    assertEquals(64 * MIB, pattern.guestBytes());
    assertEquals(0x203000, pattern.lastEnd());
    assertEquals(word, pattern.word());
    assertEquals(2.0 / 0x4000, pattern.share(64 * MIB));
  }

  @Test
  void aLogOfMoreThanAPieceIsRoundedUpToPieces() throws IOException {
    String word = "log:" + file("map 0 0 0x400001000 rw\nshare 0 4K\n");
    assertEquals(32L << 30, GivenPattern.read(word).guestBytes());
  }

  @Test
  void aListHasPagesAndRangesAndSaysNoSize() throws IOException {
    GivenPattern pattern = GivenPattern.read("pages:" + file("# shared\n\n0x1000\n  4M 8K\n4M\n"));
    assertEquals(pages(1, 0x400, 0x401), pattern.pages());
    assertEquals(0, pattern.guestBytes());
  }

  @Test
  void theLastPageBelowTheLimitMayBeShared() throws IOException {
    GivenPattern pattern = GivenPattern.read("pages:" + file("0x7ffffffe000\n"));
    assertEquals(pages(0x7ffffffe), pattern.pages());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "log: | map 0 0 4M rw | no page is shared or unshared in it, so it is no pattern",
        "log: | share 0 100 | :1: gpa and length must be multiples of 4K, and the length not 0, got gpa=0x0, length=0x64",
        "log: | hello | nothing to replay",
        "pages: | # none | no page is listed in it",
        "pages: | 0x10 | :1: gpa and length must be multiples of 4K, and the length not 0, got gpa=0x10, length=0x1000",
        "pages: | 0 0 | and the length not 0",
        "pages: | 0 4K x | :1: expected a gpa, or a gpa and a length, got 3 words",
        "pages: | here | :1: not a number: 'here'",
        "pages: | 8T | :1: a guest must end below 8T, got gpa=0x80000000000, length=0x1000",
        "pages: | 0x7fffffff000 | a guest must end below 8T",
        "pages: | 4K 0xfffffffffffff000 | a guest must end below 8T"
      })
  void whatIsNoPatternIsRefusedByFileLineAndRule(String kind, String text, String message)
      throws IOException {
    String file = file(text);
    String refusal =
        assertThrows(BadInput.class, () -> GivenPattern.read(kind + file)).getMessage();
    assertEquals(file, refusal.substring(0, Math.min(file.length(), refusal.length())));
    assertEquals(true, refusal.contains(message), refusal);
  }
}
