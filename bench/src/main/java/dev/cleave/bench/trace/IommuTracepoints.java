package dev.cleave.bench.trace;

import dev.cleave.engine.format.Access;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Linux's {@code iommu:map} and {@code iommu:unmap} tracepoints, in all forms they have had: with
 * the end of the range or without, with a vendor's {@code dev=} or without.
 */
final class IommuTracepoints {
  private static final String MARK = "IOMMU: ";
  private static final String FORM =
      "IOMMU: iova=<iova> - <end> paddr=<paddr> size=<length>, or"
          + " IOMMU: iova=<iova> - <end> size=<asked> unmapped_size=<length>";

  /** How perf trace prints it, with numbers of either kind. */
  private static final Pattern CALL = Pattern.compile("iommu:(?:un)?map\\(([^()]*)\\)$");

  /** An end at the top of the address space, where someone counted it in more than 64 bits. */
  private static final String TOP = "0x10000000000000000";

  private IommuTracepoints() {}

  /** The line at the body of such a tracepoint; null if it holds none. */
  static @Nullable LogLine find(LogLine line) {
    Matcher call = CALL.matcher(line.text());
    if (call.find()) {
      return new LogLine(
          line.number(),
          call.group(1).replace(": ", "="),
          line.event(),
          0,
          line.task(),
          line.time(),
          line.kind());
    }
    int mark = line.text().indexOf(MARK, line.isTracepoint() ? line.body() : 0);
    int body = mark + MARK.length();
    boolean isRange =
        mark >= 0
            && (line.text().startsWith("iova=", body) || line.text().startsWith("dev=", body));
    boolean isOther =
        line.isTracepoint() && !line.event().equals("map") && !line.event().equals("unmap");
    return isRange && !isOther ? line.at(line.event(), body) : null;
  }

  /** What such a tracepoint says. */
  static Parsed read(LogLine line) throws MalformedLineException {
    Body body = line.body(FORM);
    AddressSpace space =
        body.has("dev") ? AddressSpace.ofDevice(device(body)) : AddressSpace.SOME_DOMAIN;
    long iova = body.number("iova");
    boolean isMap = body.has("paddr");
    long paddr = isMap ? body.number("paddr") : 0;
    long size = body.number("size");
    // What went is what the kernel unmapped, not what it was asked for: a whole leaf may go.
    long unmapped = isMap ? 0 : body.number("unmapped_size");
    @Nullable String end = body.upTo("iova");
    // The kernel prints iova + size, which is 0 at the top of the address space.
    if (end != null && (end.equals(TOP) ? 0 : body.parse(end)) != iova + size) {
      throw body.malformed("the end is not iova + size");
    }
    if (isMap ? size == 0 : unmapped == 0) {
      return new Parsed.NoEffect();
    }
    return new Parsed.Of(
        isMap
            ? new TraceEvent.Map(
                line.number(), space, iova, OptionalLong.of(paddr), size, Access.READ_WRITE)
            : new TraceEvent.Unmap(line.number(), space, iova, unmapped, true),
        Source.IOMMU_TRACEPOINT);
  }

  private static String device(Body body) throws MalformedLineException {
    String device = body.value("dev");
    if (device.isEmpty()) {
      throw body.malformed("no name after dev=");
    }
    return device;
  }
}
