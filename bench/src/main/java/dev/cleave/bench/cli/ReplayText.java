package dev.cleave.bench.cli;

import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.TableResult;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;

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

  private ReplayText() {}

  static void print(PrintWriter out, List<PolicyResult> results) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(HEADER);
    boolean namesOrder =
        results.stream().map(PolicyResult::order).filter(Objects::nonNull).distinct().count() > 1;
    for (PolicyResult result : results) {
      rows.add(row(result, namesOrder));
      result.tables().stream().skip(1).forEach(table -> rows.add(row(table)));
    }
    TextTable.print(out, rows, 1);
    if (results.getFirst().dma() != null) {
      List<List<String>> dma = new ArrayList<>();
      dma.add(DMA_HEADER);
      results.forEach(result -> dma.add(dmaRow(result, namesOrder)));
      out.println();
      TextTable.print(out, dma, 1);
    }
  }

  private static List<String> row(PolicyResult result, boolean namesOrder) {
    return List.of(
        name(result, namesOrder),
        Long.toString(result.events()),
        Long.toString(result.failed()),
        Long.toString(result.splits()),
        Long.toString(result.merges()),
        Long.toString(result.stores()),
        Long.toString(result.flushes()),
        TextTable.bytes(result.flushedBytes()),
        TextTable.bytes(result.gapBytes()),
        Long.toString(result.rmpFaults()),
        Long.toString(result.illegalLeaves()),
        TextTable.bytes(result.tableBytesPeak()),
        TextTable.bytes(result.tableBytesEnd()),
        time(result.nsP50()),
        time(result.nsP99()),
        time(result.nsMax()),
        time(result.nsTotal()));
  }

  /** A further table, below the row of its policy: what is the table's own. */
  private static List<String> row(TableResult table) {
    return List.of(
        "  and its " + table.table(),
        "",
        "",
        Long.toString(table.splits()),
        Long.toString(table.merges()),
        Long.toString(table.stores()),
        Long.toString(table.flushes()),
        TextTable.bytes(table.flushedBytes()),
        TextTable.bytes(table.gapBytes()),
        Long.toString(table.rmpFaults()),
        Long.toString(table.illegalLeaves()),
        TextTable.bytes(table.tableBytesPeak()),
        TextTable.bytes(table.tableBytesEnd()),
        "",
        "",
        "",
        "");
  }

  private static String name(PolicyResult result, boolean namesOrder) {
    return result.order() == null || !namesOrder
        ? result.policy()
        : result.policy() + " " + result.order();
  }

  private static List<String> dmaRow(PolicyResult result, boolean namesOrder) {
    DmaResult dma = result.dma();
    return List.of(
        name(result, namesOrder),
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
