package dev.cleave.bench.ioas;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/**
 * Does what a log of {@code /dev/iommu} says, and compares every answer with the kernel's; at every
 * dump also the leaves with those in the folder {@value #LEAVES} beside the log.
 *
 * <p>Not thread-safe. One object checks one log once.
 */
public final class LogCheck implements AutoCloseable {
  private static final String LEAVES = "leaves";
  private static final String HUGE_PAGES_MARK = "-thp";
  private static final String SCENARIO = "SCENARIO";
  private static final String DUMP = "DUMP";
  private static final int MOST_SHOWN = 10;

  private final String file;
  private final Path leaves;
  private final UserMemory memory = new UserMemory();
  private final TableMemory tables = TableMemory.builder().build();
  private final PhysicalMemory tableView = new PhysicalMemory();
  private final List<LogDifference> shown = new ArrayList<>();
  private int largestAlignmentLog2 = Geometry.PAGE_LOG2;
  private Iommufd iommufd;
  private long operations;
  private long dumps;
  private long differences;

  /**
   * A check.
   *
   * @param file the log; a name ending in {@code .gz} is read as gzip
   */
  public LogCheck(String file) {
    this.file = file;
    this.leaves = Path.of(file).resolveSibling(LEAVES);
    tableView.add(tables.base(), tables.view());
    this.iommufd = new Iommufd(memory, tables, largestAlignmentLog2);
  }

  /**
   * Checks all of the log.
   *
   * @param progress told the number of lines done, now and then
   * @return what came of it
   * @throws BadInput if the log, or a dump's leaves, cannot be read
   */
  public LogCheckResult run(LongConsumer progress) {
    long number = 0;
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(Inputs.open(file), StandardCharsets.ISO_8859_1))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        take(++number, line);
        progress.accept(number);
      }
    } catch (IOException e) {
      throw BadInput.cannotRead(file, number + 1, e);
    }
    if (operations == 0) {
      throw BadInput.in(file, "no operation found, expected lines N OP key=value... -> RESULT");
    }
    return new LogCheckResult(operations, dumps, differences, List.copyOf(shown));
  }

  private void take(long number, String text) {
    if (text.isBlank()) {
      return;
    }
    if (text.startsWith("#")) {
      if (number == 1 && text.contains(HUGE_PAGES_MARK)) {
        largestAlignmentLog2 = Geometry.REGION_LOG2;
        startOver();
      }
    } else if (text.startsWith("BUF ") || text.startsWith("PHYS ")) {
      memory.take(file, number, text);
    } else if (Character.isDigit(text.charAt(0))) {
      take(LogLine.of(file, number, text));
    } else {
      throw BadInput.at(
          file, number, "expected #, BUF, PHYS or a numbered operation, found " + text);
    }
  }

  private void startOver() {
    iommufd.close();
    iommufd = new Iommufd(memory, tables, largestAlignmentLog2);
  }

  private void take(LogLine line) {
    switch (line.operation()) {
      case SCENARIO -> startOver();
      case DUMP -> dump(line);
      default -> call(line);
    }
  }

  private void call(LogLine line) {
    String answer = iommufd.call(line);
    if (line.result() == null) {
      return;
    }
    operations++;
    if (answer == null) {
      answer = "";
    }
    if (!line.result().equals(answer)) {
      differ(line, "expected %s, found %s".formatted(line.result(), answer));
    }
  }

  private void dump(LogLine line) {
    dumps++;
    operations++;
    for (Map.Entry<String, String> device : line.fields().entrySet()) {
      String table = iommufd.tableOf(device.getKey());
      if (!table.equals(device.getValue())) {
        differ(
            line,
            "expected %s to be attached to %s, found %s"
                .formatted(device.getKey(), device.getValue(), table.isEmpty() ? "none" : table));
      }
    }
    Path path = leaves.resolve(line.word(0) + ".csv.gz");
    if (line.words().isEmpty() || !Files.isReadable(path)) {
      throw line.bad("the leaves of a dump must be beside the log, in " + path);
    }
    List<PageTable> used =
        iommufd.tablesInUse().stream().map(table -> table.table.table()).toList();
    LeafDump.decode(tableView, used)
        .differencesFrom(LeafDump.read(path.toString()))
        .forEach(difference -> differ(line, difference));
  }

  private void differ(LogLine line, String what) {
    differences++;
    if (shown.size() < MOST_SHOWN) {
      shown.add(new LogDifference(line.line(), line.text(), what));
    }
  }

  /** Gives the tables back. */
  @Override
  public void close() {
    iommufd.close();
    tables.close();
  }
}
