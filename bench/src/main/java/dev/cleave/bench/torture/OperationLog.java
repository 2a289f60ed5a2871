package dev.cleave.bench.torture;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * The last operations of one writer. Written by that writer alone; read when all threads have
 * ended.
 */
final class OperationLog {
  private static final int ENTRIES = 1 << 14;

  private final int writer;
  private final long[] nanos = new long[ENTRIES];
  private final OperationKind[] kinds = new OperationKind[ENTRIES];
  private final int[] pages = new int[ENTRIES];
  private final int[] counts = new int[ENTRIES];
  private final int[] details = new int[ENTRIES];
  private long written;

  private record Line(long nanos, String text) {}

  OperationLog(int writer) {
    this.writer = writer;
  }

  void add(OperationKind kind, int page, int count, int detail) {
    int at = (int) (written++ & (ENTRIES - 1));
    nanos[at] = System.nanoTime();
    kinds[at] = kind;
    pages[at] = page;
    counts[at] = count;
    details[at] = detail;
  }

  /** The last operations that had to do with a page, oldest first. */
  static List<String> of(List<OperationLog> logs, int page, int most, long end) {
    List<Line> lines = new ArrayList<>();
    for (OperationLog log : logs) {
      log.collect(page, end, lines);
    }
    lines.sort(Comparator.comparingLong(Line::nanos));
    return lines.stream().skip(Math.max(0, lines.size() - most)).map(Line::text).toList();
  }

  private void collect(int page, long end, List<Line> lines) {
    for (long i = Math.max(0, written - ENTRIES); i < written; i++) {
      int at = (int) (i & (ENTRIES - 1));
      if (page < 0 || (page >= pages[at] && page < pages[at] + counts[at])) {
        lines.add(
            new Line(
                nanos[at],
                String.format(
                    Locale.ROOT,
                    "%9.3f ms before  writer %d  %s pages %d to %d, %d",
                    (end - nanos[at]) / 1e6,
                    writer,
                    kinds[at].word(),
                    pages[at],
                    pages[at] + counts[at] - 1,
                    details[at])));
      }
    }
  }
}
