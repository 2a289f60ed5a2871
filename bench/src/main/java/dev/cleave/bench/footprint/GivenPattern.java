package dev.cleave.bench.footprint;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.TextLines;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import java.io.IOException;
import java.util.BitSet;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Shared pages of a guest that exists: those of a log, or of a list.
 *
 * @param word its name on the command line, with the file
 * @param pages the shared pages by number
 * @param guestBytes where the guest ends as far as the file tells it, a size that a guest may have;
 *     0 if it does not
 */
public record GivenPattern(String word, BitSet pages, long guestBytes) implements SharePattern {
  /** What a guest must end below, since its pages are numbered by an {@code int}. */
  public static final long GUEST_LIMIT = 1L << 31 << PAGE_LOG2;

  private static final String LOG = "log:";
  private static final String LIST = "pages:";
  private static final Pattern BLANKS = Pattern.compile("\\s+");
  private static final long PAGE_BYTES = 1L << PAGE_LOG2;

  /** Whether a word of the command line is the name of such a pattern. */
  public static boolean isName(String word) {
    return word.startsWith(LOG) || word.startsWith(LIST);
  }

  /**
   * Reads a pattern.
   *
   * @param word {@code log:FILE}, whose page states at its end count, or {@code pages:FILE}, with
   *     an address, or an address and a length, on each line
   * @throws BadInput with file, line and what was expected
   */
  public static GivenPattern read(String word) throws IOException {
    return word.startsWith(LOG)
        ? ofLog(word, word.substring(LOG.length()))
        : ofList(word, word.substring(LIST.length()));
  }

  private static GivenPattern ofLog(String word, String file) throws IOException {
    Trace trace = Trace.read(List.of(file), false, _ -> {});
    trace.checkNotEmpty();
    if (!trace.changesPageStates()) {
      throw BadInput.in(file, "no page is shared or unshared in it, so it is no pattern");
    }
    BitSet pages = new BitSet();
    for (TraceEvent event : trace.events()) {
      switch (event) {
        case TraceEvent.Share share ->
            set(pages, share.gpa(), share.length(), true, file, share.line());
        case TraceEvent.Unshare unshare ->
            set(pages, unshare.gpa(), unshare.length(), false, file, unshare.line());
        default -> {}
      }
    }
    long end = trace.guestBytes();
    if (Long.compareUnsigned(end, GUEST_LIMIT) >= 0) {
      throw BadInput.in(
          file,
          "its guest must end below " + Numbers.size(GUEST_LIMIT) + ", it ends at " + hex(end));
    }
    return new GivenPattern(word, pages, roundedUp(end));
  }

  private static GivenPattern ofList(String word, String file) throws IOException {
    BitSet pages = new BitSet();
    try (TextLines lines = TextLines.open(file)) {
      for (String line : lines) {
        List<String> words = BLANKS.splitAsStream(line.strip()).toList();
        if (line.isBlank() || words.getFirst().startsWith("#")) {
          continue;
        }
        if (words.size() > 2) {
          throw BadInput.at(
              lines.name(),
              lines.number(),
              "expected a gpa, or a gpa and a length, got " + words.size() + " words");
        }
        long gpa = number(words.getFirst(), lines);
        long length = words.size() == 1 ? PAGE_BYTES : number(words.getLast(), lines);
        set(pages, gpa, length, true, lines.name(), lines.number());
      }
    }
    if (pages.isEmpty()) {
      throw BadInput.in(file, "no page is listed in it");
    }
    return new GivenPattern(word, pages, 0);
  }

  private static long number(String word, TextLines lines) {
    try {
      return Numbers.parse(word);
    } catch (NumberFormatException e) {
      throw BadInput.at(lines.name(), lines.number(), e.getMessage());
    }
  }

  private static void set(
      BitSet pages, long gpa, long length, boolean isShared, String file, long line) {
    if (((gpa | length) & PAGE_BYTES - 1) != 0 || length == 0) {
      throw BadInput.at(
          file,
          line,
          "gpa and length must be multiples of 4K, and the length not 0, got gpa=%s, length=%s"
              .formatted(hex(gpa), hex(length)));
    }
    if (Long.compareUnsigned(gpa, GUEST_LIMIT) >= 0
        || Long.compareUnsigned(length, GUEST_LIMIT - gpa) >= 0) {
      throw BadInput.at(
          file,
          line,
          "a guest must end below %s, got gpa=%s, length=%s"
              .formatted(Numbers.size(GUEST_LIMIT), hex(gpa), hex(length)));
    }
    pages.set((int) (gpa >>> PAGE_LOG2), (int) ((gpa + length) >>> PAGE_LOG2), isShared);
  }

  private static long roundedUp(long end) {
    long unit = end > Footprints.PIECE_BYTES ? Footprints.PIECE_BYTES : PAGE_BYTES;
    return (end + unit - 1) & -unit;
  }

  private static String hex(long value) {
    return Numbers.hex(value);
  }

  /** Where the last shared page ends. */
  public long lastEnd() {
    return (long) pages.length() << PAGE_LOG2;
  }

  /**
   * How much of a guest is shared.
   *
   * @param ofBytes what the guest has
   */
  public double share(long ofBytes) {
    return (double) pages.cardinality() / (ofBytes >>> PAGE_LOG2);
  }
}
