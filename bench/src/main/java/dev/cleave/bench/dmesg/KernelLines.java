package dev.cleave.bench.dmesg;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.io.Excerpt;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Tells the lines of {@link KernelLine} apart.
 *
 * <p>Thread-safe: a function of its argument, and defined for any text.
 */
public final class KernelLines {
  private static final String HEX = "0x([0-9a-fA-F]+)";
  private static final String WORD = "([0-9a-fA-F]{16})";
  private static final String HALF = "([0-9a-fA-F]{8})";
  private static final String DEVICE =
      "((?:[0-9a-fA-F]{4,7}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7])";
  private static final int HEX_DIGITS = 16;
  private static final int WORD_BITS = 32;

  private static final Pattern EVENT = Pattern.compile("Event logged \\[([A-Z_0-9]+)(.*)");
  private static final Pattern DRIVER =
      Pattern.compile("(\\S+) " + DEVICE + ": (?:AMD-Vi: )?Event logged");
  private static final Pattern FIELD =
      Pattern.compile("[ ,]*([a-z_]+(?:\\[[0-3]])?)=([^ ,]*)|([^ ,]+)");

  /** A form of line: what it looks like, and what the numbers in it mean. */
  private record Form(
      Pattern pattern, Function<long[], KernelLine> meaning, List<Integer> radixes) {
    /** A form whose numbers are all hexadecimal. */
    static Form hex(String pattern, Function<long[], KernelLine> meaning) {
      return new Form(Pattern.compile(pattern), meaning, List.of());
    }

    @Nullable KernelLine match(String text) {
      Matcher matcher = pattern.matcher(text);
      if (!matcher.find()) {
        return null;
      }
      long[] numbers = new long[matcher.groupCount()];
      for (int i = 0; i < numbers.length; i++) {
        String digits = matcher.group(i + 1);
        int radix = i < radixes.size() ? radixes.get(i) : HEX_DIGITS;
        try {
          numbers[i] =
              digits == null
                  ? 0
                  : digits.startsWith("-")
                      ? Long.parseLong(digits, radix)
                      : Long.parseUnsignedLong(digits, radix);
        } catch (NumberFormatException _) {
          return new KernelLine.Malformed(
              "'" + Excerpt.of(digits) + "' is no number of 64 bits in base " + radix);
        }
      }
      return meaning.apply(numbers);
    }
  }

  private static final List<Form> FORMS =
      List.of(
          new Form(
              Pattern.compile("\\bDTE\\[([0-3])\\]: " + WORD + "\\b"),
              n -> new KernelLine.EntryWord((int) n[0], n[1]),
              List.of(10)),
          new Form(
              Pattern.compile("\\bCMD\\[([0-3])\\]: " + HALF + "\\b"),
              n -> new KernelLine.CommandWord((int) n[0], n[1]),
              List.of(10)),
          new Form(
              Pattern.compile(
                  "^\\s*([0-9]{1,9}): " + HALF + " " + HALF + " " + HALF + " " + HALF + "\\s*$"),
              n ->
                  new KernelLine.CommandRow(
                      n[0], n[1] | n[2] << WORD_BITS, n[3] | n[4] << WORD_BITS),
              List.of(10)),
          Form.hex(
              "\\bPFN:? " + HEX + ", (?:RMP entry: )?\\[" + HEX + " - " + HEX + "\\]",
              n -> new KernelLine.RmpEntry(n[0], n[1], n[2])),
          Form.hex(
              "\\bPFN " + HEX + " unassigned, dumping .*region: \\[" + HEX + " - " + HEX + "\\]",
              n -> new KernelLine.RmpRegion(n[0], n[1], n[2])),
          new Form(
              Pattern.compile(
                  "\\bRMPUPDATE failed for PFN (?:0x)?([0-9a-fA-F]+), pg_level: (\\d+), ret:"
                      + " (-?\\d+)"),
              n -> new KernelLine.RmpUpdateFailed(n[0], n[1], n[2]),
              List.of(16, 10, 10)),
          Form.hex(
              "\\bRMP table physical range \\[" + HEX + " - " + HEX + "\\]",
              n -> new KernelLine.RmpRange(n[0], n[1])),
          new Form(
              Pattern.compile(
                  "\\bRMP segment (\\d+) physical address \\["
                      + HEX
                      + " - "
                      + HEX
                      + "\\] covering \\["
                      + HEX
                      + " - "
                      + HEX
                      + "\\]"),
              n -> new KernelLine.RmpSegment(n[0], n[1], n[2], n[3], n[4]),
              List.of(10)),
          Form.hex(
              "\\bLeaking PFN range " + HEX + "-" + HEX, n -> new KernelLine.Leaked(n[0], n[1])),
          Form.hex("\\bUnexpected RMP fault.*GPA " + HEX, n -> new KernelLine.RmpFault(n[0])),
          new Form(
              Pattern.compile(
                  "\\bUnable to split RMP entry for GPA " + HEX + " PFN " + HEX + " ret (-?\\d+)"),
              n -> new KernelLine.SplitFailed(n[0], n[1], n[2]),
              List.of(16, 16, 10)),
          Form.hex(
              "\\bExtended features \\(" + HEX + "(?:, " + HEX + ")?\\)",
              n -> new KernelLine.Features(n[0], n[1])),
          Form.hex("\\bControl Reg : " + HEX, n -> new KernelLine.Control(n[0])),
          new Form(
              Pattern.compile("\\bamd_iommu\\w*: (\\d+) callbacks suppressed"),
              n -> new KernelLine.Suppressed(n[0]),
              List.of(10)));

  private static final Pattern ENTRY_ROW =
      Pattern.compile(
          "(?:^|\\s)"
              + DEVICE
              + " "
              + WORD
              + " "
              + WORD
              + " "
              + WORD
              + " "
              + WORD
              + "(?:\\s+iommu\\d+)?\\s*$");

  private KernelLines() {}

  /**
   * What a line says.
   *
   * @param text the line without its end
   * @return {@link KernelLine.Other} for a line that is of none of the forms
   */
  public static KernelLine parse(String text) {
    Matcher event = EVENT.matcher(text);
    if (event.find()) {
      return event(text, event);
    }
    Matcher row = ENTRY_ROW.matcher(text);
    if (row.find()) {
      return row(row);
    }
    for (Form form : FORMS) {
      KernelLine line = form.match(text);
      if (line != null) {
        return line;
      }
    }
    return new KernelLine.Other();
  }

  private static KernelLine row(Matcher row) {
    DeviceId device = device(row.group(1));
    return device == null
        ? new KernelLine.Malformed("'" + row.group(1) + "' is no device")
        : new KernelLine.EntryRow(
            device, word(row.group(2)), word(row.group(3)), word(row.group(4)), word(row.group(5)));
  }

  private static long word(String digits) {
    return Long.parseUnsignedLong(digits, HEX_DIGITS);
  }

  private static @Nullable DeviceId device(String name) {
    try {
      return DeviceId.parse(name);
    } catch (IllegalArgumentException _) {
      return null;
    }
  }

  private static KernelLine event(String text, Matcher event) {
    String name = event.group(1);
    // Only an unknown event has brackets inside, and none at its end.
    boolean isUnknown = name.equals("UNKNOWN");
    int end = isUnknown ? event.group(2).length() : event.group(2).indexOf(']');
    if (end < 0) {
      return new KernelLine.Malformed("the event is cut short: no ]");
    }
    String driver = null;
    DeviceId device = null;
    Matcher before = DRIVER.matcher(text);
    if (before.find()) {
      driver = before.group(1);
      device = device(before.group(2));
    }
    SequencedMap<String, Long> fields = new LinkedHashMap<>();
    Matcher field = FIELD.matcher(event.group(2).substring(0, end));
    while (field.find()) {
      String key = field.group(1);
      String value = key == null ? field.group(3) : field.group(2);
      if (key != null && key.equals("device")) {
        device = device(value);
        if (device == null) {
          return new KernelLine.Malformed("'" + Excerpt.of(value) + "' is no device");
        }
      } else if (key != null && value.matches("0x[0-9a-fA-F]{1,16}")) {
        fields.put(key, word(value.substring(2)));
      } else if (!value.isEmpty()) {
        return new KernelLine.Malformed(
            "'" + Excerpt.of(value) + "' is no value, expected key=0x and at most 16 digits");
      }
    }
    return new KernelLine.Event(name, driver, device, fields);
  }
}
