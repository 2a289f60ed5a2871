package dev.cleave.bench.trace;

import dev.cleave.engine.format.Access;
import java.util.Map;
import java.util.OptionalLong;

/** The events of QEMU's memory listener for VFIO. Ends are inclusive. */
final class ListenerLines {
  private static final String ADD = "vfio_listener_region_add_ram";
  private static final String DELETE = "vfio_listener_region_del";
  private static final String ADD_FORM = ADD + " region_add [ram] <first> - <last> [<pointer>]";
  private static final String DELETE_FORM = DELETE + " region_del <first> - <last>";

  static final Map<String, BodyReader> READERS =
      Map.of(ADD, ListenerLines::add, DELETE, ListenerLines::delete);

  private ListenerLines() {}

  private record Range(long first, long last) {}

  private static Parsed add(LogLine line) throws MalformedLineException {
    Range range = range(line.body(ADD_FORM), "iova_start", "iova_end", "[ram]");
    return new Parsed.Of(
        new TraceEvent.Map(
            line.number(),
            AddressSpace.LISTENER,
            range.first,
            OptionalLong.empty(),
            range.last - range.first + 1,
            Access.READ_WRITE),
        Source.LISTENER);
  }

  private static Parsed delete(LogLine line) throws MalformedLineException {
    Range range = range(line.body(DELETE_FORM), "start", "end", "region_del");
    // A region that was never mapped, because it is no memory, goes in the same way.
    return new Parsed.Of(
        new TraceEvent.Clear(line.number(), AddressSpace.LISTENER, range.first, range.last),
        Source.LISTENER);
  }

  private static Range range(Body body, String from, String to, String before)
      throws MalformedLineException {
    boolean isPrinted = body.isPrinted();
    long first = body.number(isPrinted ? from : before);
    String end = isPrinted ? body.value(to) : body.upTo(before);
    if (end == null) {
      throw body.malformed("no ' - ' and last address");
    }
    long last = body.parse(end);
    if (Long.compareUnsigned(last, first) < 0 || (first == 0 && last == -1)) {
      throw body.malformed("the range ends before it begins, or is all addresses");
    }
    return new Range(first, last);
  }
}
