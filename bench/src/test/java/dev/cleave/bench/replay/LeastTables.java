package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;

/** The tables that a guest cannot do without, told from its log alone. */
final class LeastTables {
  private final BitSet mapped = new BitSet();
  private final BitSet shared = new BitSet();

  LeastTables(Path log) throws IOException {
    for (TraceEvent event : Trace.read(List.of(log.toString()), false, _ -> {}).events()) {
      int from = (int) (event.address() / PAGE_BYTES);
      int to = (int) ((event.address() + event.length()) / PAGE_BYTES);
      switch (event) {
        case TraceEvent.Map _ -> mapped.set(from, to);
        case TraceEvent.Share _ -> shared.set(from, to);
        case TraceEvent.Unshare _ -> shared.clear(from, to);
        default -> throw new AssertionError(event);
      }
    }
  }

  /** Those of one mapping of it, below the top. */
  int pages(boolean isOfSharedAlone) {
    int tables = 1;
    BitSet large = new BitSet();
    for (int region = 0; region * 512 < mapped.length(); region++) {
      int of = mapped.get(region * 512, region * 512 + 512).cardinality();
      BitSet given = shared.get(region * 512, region * 512 + 512);
      given.and(mapped.get(region * 512, region * 512 + 512));
      int count = given.cardinality();
      boolean isWhole = of == 512 && (count == 0 || count == 512);
      boolean isMapped = isOfSharedAlone ? count > 0 : of > 0;
      tables += isMapped && !isWhole ? 1 : 0;
      large.set(region / 512, large.get(region / 512) || (isMapped && !isWhole));
    }
    return tables + large.cardinality();
  }
}
