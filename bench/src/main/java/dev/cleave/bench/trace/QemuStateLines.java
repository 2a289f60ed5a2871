package dev.cleave.bench.trace;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import java.util.Map;

/** QEMU's events about page states. */
final class QemuStateLines {
  private static final String CONVERT = "kvm_convert_memory";
  private static final String HYPERCALL = "kvm_hc_map_gpa_range";

  /** Of the attributes of a guest's call: it wants the pages private. */
  static final long WANTS_PRIVATE = 1 << 4;

  static final Map<String, BodyReader> READERS =
      Map.of(CONVERT, QemuStateLines::convert, HYPERCALL, QemuStateLines::hypercall);

  private QemuStateLines() {}

  private static Parsed convert(LogLine line) throws MalformedLineException {
    Body body =
        line.body(CONVERT + " start <gpa> size <length> shared_to_private|private_to_shared");
    long gpa = body.number("start");
    long length = body.number("size");
    String direction = body.isPrinted() ? body.value("msg") : body.last();
    return switch (direction) {
      case "private_to_shared" -> state(line, gpa, length, false, Source.QEMU_CONVERT);
      case "shared_to_private" -> state(line, gpa, length, true, Source.QEMU_CONVERT);
      default -> throw body.malformed("no direction");
    };
  }

  private static Parsed hypercall(LogLine line) throws MalformedLineException {
    Body body =
        line.body(HYPERCALL + " gpa <gpa> size <length> attributes <attributes> flags <flags>");
    boolean isPrivate = (body.number("attributes") & WANTS_PRIVATE) != 0;
    return state(line, body.number("gpa"), body.number("size"), isPrivate, Source.QEMU_HYPERCALL);
  }

  /** The event of pages that change their state. */
  static Parsed state(LogLine line, long gpa, long length, boolean isPrivate, Source source) {
    return new Parsed.Of(
        isPrivate
            ? new TraceEvent.Unshare(line.number(), gpa, length)
            : new TraceEvent.Share(line.number(), gpa, length),
        source);
  }

  /** The same for a number of pages. */
  static Parsed states(
      LogLine line, Body body, long gpa, long pages, boolean isPrivate, Source source)
      throws MalformedLineException {
    if (pages << PAGE_LOG2 >>> PAGE_LOG2 != pages) {
      throw body.malformed("more pages than there are addresses: " + pages);
    }
    return pages == 0
        ? new Parsed.NoEffect()
        : state(line, gpa, pages << PAGE_LOG2, isPrivate, source);
  }
}
