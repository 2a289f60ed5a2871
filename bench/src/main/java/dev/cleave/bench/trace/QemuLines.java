package dev.cleave.bench.trace;

import dev.cleave.engine.format.Access;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** The three QEMU tracepoints that tell of page states and mappings, behind any log prefix. */
final class QemuLines {
  private static final String CONVERT = "kvm_convert_memory";
  private static final String MAP = "iommufd_backend_map_dma";
  private static final String UNMAP = "iommufd_backend_unmap_dma";
  private static final String CONVERT_FORM =
      CONVERT + " start <gpa> size <length> shared_to_private|private_to_shared";
  private static final String MAP_FORM =
      MAP + " iommufd=<n> ioas=<n> iova=<iova> size=<length> addr=<address> readonly=<n> (<code>)";
  private static final String UNMAP_FORM =
      UNMAP + " iommufd=<n> ioas=<n> iova=<iova> size=<length> (<code>)";

  private QemuLines() {}

  /** The meaning of a line, null when it holds none of the tracepoint names. */
  static @Nullable Parsed parse(long line, String text) throws MalformedLineException {
    int afterName = afterWord(text, CONVERT);
    if (afterName >= 0) {
      return convert(line, new Fields(text, afterName, CONVERT_FORM));
    }
    afterName = afterWord(text, MAP);
    if (afterName >= 0) {
      return map(line, new Fields(text, afterName, MAP_FORM));
    }
    afterName = afterWord(text, UNMAP);
    return afterName < 0 ? null : unmap(line, new Fields(text, afterName, UNMAP_FORM));
  }

  /**
   * The end of the first place where the word stands alone, or -1: QEMU has tracepoints whose names
   * go on where these end ({@code iommufd_backend_unmap_dma_non_exist}).
   */
  private static int afterWord(String text, String word) {
    int start = text.indexOf(word);
    while (start >= 0) {
      int end = start + word.length();
      boolean begins = start == 0 || !isWordPart(text.charAt(start - 1));
      if (begins && (end == text.length() || !isWordPart(text.charAt(end)))) {
        return end;
      }
      start = text.indexOf(word, end);
    }
    return -1;
  }

  private static boolean isWordPart(char c) {
    return c == '_' || (c < 0x80 && Character.isLetterOrDigit(c));
  }

  private static Parsed convert(long line, Fields fields) throws MalformedLineException {
    fields.expect("start");
    long gpa = fields.number();
    fields.expect("size");
    long length = fields.number();
    String direction = fields.next();
    fields.end();
    return new Parsed.Told(
        switch (direction) {
          case "private_to_shared" -> new TraceEvent.Share(line, gpa, length);
          case "shared_to_private" -> new TraceEvent.Unshare(line, gpa, length);
          default -> throw fields.malformed("no direction");
        });
  }

  private static Parsed map(long line, Fields fields) throws MalformedLineException {
    fields.number("iommufd");
    fields.number("ioas");
    long iova = fields.number("iova");
    long length = fields.number("size");
    // The address in QEMU's process; the C library may print it as (nil).
    fields.value("addr");
    int access = fields.number("readonly") == 0 ? Access.READ_WRITE : Access.READ;
    return succeeded(fields)
        ? new Parsed.Told(new TraceEvent.Map(line, iova, OptionalLong.empty(), length, access))
        : new Parsed.NoEffect();
  }

  private static Parsed unmap(long line, Fields fields) throws MalformedLineException {
    fields.number("iommufd");
    fields.number("ioas");
    long iova = fields.number("iova");
    long length = fields.number("size");
    return succeeded(fields)
        ? new Parsed.Told(new TraceEvent.Unmap(line, iova, length, false))
        : new Parsed.NoEffect();
  }

  /** Reads the return code, with which the line ends: {@code (0)}, or {@code (-22)}. */
  private static boolean succeeded(Fields fields) throws MalformedLineException {
    String code = fields.next();
    fields.end();
    if (!code.startsWith("(") || !code.endsWith(")")) {
      throw fields.malformed("no return code");
    }
    try {
      return Integer.parseInt(code, 1, code.length() - 1, 10) == 0;
    } catch (NumberFormatException | IndexOutOfBoundsException _) {
      throw fields.malformed("no return code");
    }
  }
}
