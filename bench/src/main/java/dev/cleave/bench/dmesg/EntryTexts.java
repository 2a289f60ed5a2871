package dev.cleave.bench.dmesg;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.DeviceTableEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Device table entries as people have them: the rows of debugfs (high quadword first), the four
 * {@code DTE[0..3]} lines of dmesg (low first), four quadwords without either, and 64 hex digits,
 * which are the bytes as they lie in memory. Other lines are passed over.
 *
 * <p>Thread-safe: functions of their arguments.
 */
public final class EntryTexts {
  private static final int WORDS = 4;
  private static final Pattern BYTES = Pattern.compile("[0-9a-fA-F]{64}");
  private static final Pattern QUADWORDS =
      Pattern.compile(
          "\\s*(?:0x)?([0-9a-fA-F]{1,16})[\\s,]+(?:0x)?([0-9a-fA-F]{1,16})[\\s,]+(?:0x)?"
              + "([0-9a-fA-F]{1,16})[\\s,]+(?:0x)?([0-9a-fA-F]{1,16})\\s*");

  /** In which order four quadwords stand that nothing names. */
  public enum Order {
    /** Bits 255:192 first, as debugfs has them. */
    HIGH_FIRST,
    /** Bits 63:0 first, as dmesg has them. */
    LOW_FIRST
  }

  /**
   * An entry.
   *
   * @param device whose it is, where the text says so
   * @param entry the entry
   * @param doubt why it may have been meant otherwise, or null
   */
  public record Found(@Nullable DeviceId device, DeviceTableEntry entry, @Nullable String doubt) {}

  private EntryTexts() {}

  /**
   * The entries in a text.
   *
   * @param name what to call the text
   * @param text lines
   * @param order of four bare quadwords, null for what only one order makes sense of
   * @return at least one
   * @throws BadInput if there is none, or one is incomplete, or its order cannot be told
   */
  public static List<Found> parse(String name, String text, @Nullable Order order) {
    if (BYTES.matcher(text.strip()).matches()) {
      return List.of(bytes(text.strip()));
    }
    Matcher bare = QUADWORDS.matcher(text);
    if (bare.matches()) {
      return List.of(quadwords(name, bare, order));
    }
    List<Found> found = new ArrayList<>();
    EntryCollector collector = new EntryCollector();
    int number = 0;
    for (String line : (Iterable<String>) text.lines()::iterator) {
      number++;
      try {
        collector.take(KernelLines.parse(line)).ifPresent(found::add);
      } catch (IllegalArgumentException e) {
        throw BadInput.at(name, number, e.getMessage());
      }
    }
    if (collector.isOpen()) {
      throw BadInput.at(name, number, "the entry ends before DTE[3]");
    }
    if (found.isEmpty()) {
      throw BadInput.in(
          name,
          "no device table entry, expected 64 hex digits (the bytes in memory), four quadwords, a"
              + " row of debugfs, or the lines DTE[0] to DTE[3] of dmesg");
    }
    return found;
  }

  private static Found bytes(String digits) {
    DeviceTableEntry entry = DeviceTableEntry.parse(digits);
    long[] words = new long[WORDS];
    for (int i = 0; i < WORDS; i++) {
      words[i] = Long.parseUnsignedLong(digits.substring(16 * i, 16 * i + 16), 16);
    }
    DeviceTableEntry high = entry(words, Order.HIGH_FIRST);
    DeviceTableEntry low = entry(words, Order.LOW_FIRST);
    boolean isDoubtful = entry.kind() == DeviceTableEntry.Kind.INVALID;
    String doubt = null;
    if (isDoubtful && isPlausible(high)) {
      doubt = doubt("high first, as debugfs prints them", high);
    } else if (isDoubtful && isPlausible(low)) {
      doubt = doubt("low first, as dmesg prints them", low);
    }
    return new Found(null, entry, doubt);
  }

  private static String doubt(String order, DeviceTableEntry entry) {
    return ("V=0 as bytes in memory; as four quadwords, %s, it would be domain %d, root 0x%x, %d"
            + " levels: give them with blanks between")
        .formatted(order, entry.domainId(), entry.root(), entry.levels());
  }

  private static Found quadwords(String name, Matcher bare, @Nullable Order order) {
    long[] words = new long[WORDS];
    for (int i = 0; i < WORDS; i++) {
      words[i] = Long.parseUnsignedLong(bare.group(i + 1), 16);
    }
    DeviceTableEntry high = entry(words, Order.HIGH_FIRST);
    DeviceTableEntry low = entry(words, Order.LOW_FIRST);
    if (order != null) {
      return new Found(null, order == Order.HIGH_FIRST ? high : low, null);
    }
    if (isPlausible(high) == isPlausible(low)) {
      throw BadInput.in(
          name,
          "the four quadwords could stand in either order, say --dte-order high (debugfs) or low"
              + " (dmesg)");
    }
    return new Found(null, isPlausible(high) ? high : low, null);
  }

  /** The entry of four quadwords as they were read. */
  static DeviceTableEntry entry(long[] words, Order order) {
    return order == Order.LOW_FIRST
        ? new DeviceTableEntry(words[0], words[1], words[2], words[3])
        : new DeviceTableEntry(words[3], words[2], words[1], words[0]);
  }

  private static boolean isPlausible(DeviceTableEntry entry) {
    return entry.kind() != DeviceTableEntry.Kind.INVALID
        && entry.kind() != DeviceTableEntry.Kind.RESERVED_MODE
        && entry.reservedBits() == 0;
  }
}
