package dev.cleave.bench.trace;

import dev.cleave.engine.format.Access;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** Linux's {@code iommu:map} and {@code iommu:unmap} tracepoints, behind any prefix of ftrace's. */
final class FtraceLines {
  private static final String NAME = "IOMMU:";
  private static final String FIRST_FIELD = " iova=";
  private static final String FORM =
      "IOMMU: iova=<iova> - <end> paddr=<paddr> size=<length>, or"
          + " IOMMU: iova=<iova> - <end> size=<asked> unmapped_size=<length>";

  /** An end at the top of the address space, where someone counted it in more than 64 bits. */
  private static final String TOP = "0x10000000000000000";

  private FtraceLines() {}

  /** The meaning of a line, null when it holds no such tracepoint. */
  static @Nullable Parsed parse(long line, String text) throws MalformedLineException {
    int start = text.indexOf(NAME + FIRST_FIELD);
    if (start < 0) {
      return null;
    }
    Fields fields = new Fields(text, start + NAME.length(), FORM);
    long iova = fields.number("iova");
    boolean hasEnd = fields.skipIf("-");
    long end = 0;
    if (hasEnd) {
      // The kernel prints iova + size, which is 0 at the top of the address space.
      end = fields.skipIf(TOP) ? 0 : fields.number();
    }
    boolean isMap = fields.comesNext("paddr=");
    long paddr = isMap ? fields.number("paddr") : 0;
    long size = fields.number("size");
    // What went is what the kernel unmapped, not what it was asked for: a whole leaf may go.
    long unmapped = isMap ? 0 : fields.number("unmapped_size");
    fields.end();
    if (hasEnd && end != iova + size) {
      throw fields.malformed("the end is not iova + size");
    }
    if (isMap) {
      return new Parsed.Told(
          new TraceEvent.Map(line, iova, OptionalLong.of(paddr), size, Access.READ_WRITE));
    }
    return unmapped == 0
        ? new Parsed.NoEffect()
        : new Parsed.Told(new TraceEvent.Unmap(line, iova, unmapped, true));
  }
}
