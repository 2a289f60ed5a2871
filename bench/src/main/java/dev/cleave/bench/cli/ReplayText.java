package dev.cleave.bench.cli;

import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.replay.PolicyResult;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The comparison of policies as a table for a person. */
final class ReplayText {
  private static final List<String> HEADER =
      List.of(
          "policy",
          "events",
          "failed",
          "splits",
          "merges",
          "stores",
          "flushes",
          "flushed",
          "gaps",
          "RMP faults",
          "illegal",
          "peak",
          "end",
          "p50",
          "p99",
          "max",
          "total");

  private static final String UNITS = "KMGTPE";

  private ReplayText() {}

  private static final List<String> DMA_HEADER =
      List.of(
          "devices under",
          "accesses",
          "IOTLB hits",
          "walks",
          "steps a walk",
          "in windows",
          "translation faults",
          "RMP faults",
          "wrong data",
          "dropped",
          "stalled");

  static void print(PrintWriter out, List<PolicyResult> results) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(HEADER);
    results.forEach(result -> rows.add(row(result)));
    print(rows, out);
    if (results.getFirst().dma() != null) {
      List<List<String>> dma = new ArrayList<>();
      dma.add(DMA_HEADER);
      results.forEach(result -> dma.add(dmaRow(result)));
      out.println();
      print(dma, out);
    }
  }

  private static void print(List<List<String>> rows, PrintWriter out) {
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int column = 0; column < row.size(); column++) {
        int at = column;
        int width = rows.stream().mapToInt(r -> r.get(at).length()).max().orElse(0);
        String format = column == 0 ? "%-" + width + "s" : "  %" + width + "s";
        line.append(String.format(Locale.ROOT, format, row.get(column)));
      }
      out.println(line);
    }
  }

  private static List<String> row(PolicyResult result) {
    return List.of(
        name(result),
        Long.toString(result.events()),
        Long.toString(result.failed()),
        Long.toString(result.splits()),
        Long.toString(result.merges()),
        Long.toString(result.stores()),
        Long.toString(result.flushes()),
        bytes(result.flushedBytes()),
        bytes(result.gapBytes()),
        Long.toString(result.rmpFaults()),
        Long.toString(result.illegalLeaves()),
        bytes(result.tableBytesPeak()),
        bytes(result.tableBytesEnd()),
        time(result.nsP50()),
        time(result.nsP99()),
        time(result.nsMax()),
        time(result.nsTotal()));
  }

  private static String name(PolicyResult result) {
    return result.order() == null ? result.policy() : result.policy() + " " + result.order();
  }

  private static List<String> dmaRow(PolicyResult result) {
    DmaResult dma = result.dma();
    return List.of(
        name(result),
        Long.toString(dma.accesses()),
        percent(dma.iotlbHits(), dma.accesses()),
        Long.toString(dma.walks()),
        String.format(Locale.ROOT, "%.2f", (double) dma.walkSteps() / Math.max(1, dma.walks())),
        Long.toString(dma.windowAccesses()),
        Long.toString(dma.translationFaults()),
        Long.toString(dma.rmpFaults()),
        Long.toString(dma.wrongData()),
        Long.toString(dma.iotlbDropped()),
        time(dma.stallNs()));
  }

  private static String percent(long part, long all) {
    return String.format(Locale.ROOT, "%.1f%%", 100.0 * part / Math.max(1, all));
  }

  /** Three digits and a unit. */
  private static String bytes(long bytes) {
    double value = bytes;
    int unit = -1;
    while (value >= 1024 && unit < UNITS.length() - 1) {
      value /= 1024;
      unit++;
    }
    return unit < 0
        ? Long.toString(bytes)
        : String.format(Locale.ROOT, value < 10 ? "%.1f%c" : "%.0f%c", value, UNITS.charAt(unit));
  }

  private static String time(long nanos) {
    if (nanos < 1_000) {
      return nanos + "ns";
    }
    if (nanos < 1_000_000) {
      return String.format(Locale.ROOT, "%.1fus", nanos / 1e3);
    }
    return nanos < 1_000_000_000
        ? String.format(Locale.ROOT, "%.1fms", nanos / 1e6)
        : String.format(Locale.ROOT, "%.2fs", nanos / 1e9);
  }
}
