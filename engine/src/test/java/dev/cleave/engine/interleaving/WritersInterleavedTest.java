package dev.cleave.engine.interleaving;

import static dev.cleave.engine.interleaving.Interleaved.PADDR;
import static dev.cleave.engine.interleaving.Interleaved.PAGE;
import static dev.cleave.engine.interleaving.Interleaved.REGION;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.interleaving.Interleaved.Body;
import dev.cleave.engine.memory.TablePages;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Writers, in every interleaving of their loads, stores and locks: what they return and what they
 * leave behind is what they return and leave when they run one after another in some order.
 */
class WritersInterleavedTest {
  private static final long GIB = 1L << 30;

  /** An operation of a writer. */
  interface Writer {
    long run(PageTable table, IotlbGather gather);
  }

  /** A table as it is at first, and who works on it. */
  record Work(int levels, Consumer<PageTable> before, List<Writer> writers) {}

  private static Writer map(long iova, long bytes) {
    return (table, _) -> {
      table.map(iova, PADDR + iova, bytes, Access.READ_WRITE);
      return 0;
    };
  }

  private static Writer unmap(long iova, long bytes) {
    return (table, gather) -> table.unmap(iova, bytes, gather);
  }

  private static Writer protect(long iova, long bytes) {
    return (table, gather) -> table.protect(iova, bytes, Access.READ, gather);
  }

  private static Writer split(long iova, long bytes, int largestLog2) {
    return (table, gather) -> table.split(iova, bytes, largestLog2, gather);
  }

  private static Writer merge(long iova, long bytes, int largestLog2) {
    return (table, gather) -> table.merge(iova, bytes, largestLog2, gather);
  }

  private static Consumer<PageTable> mapped(long iova, long bytes) {
    return table -> table.map(iova, PADDR + iova, bytes, Access.READ_WRITE);
  }

  private static Named<Work> work(
      String name, int levels, Consumer<PageTable> before, Writer... writers) {
    return Named.of(name, new Work(levels, before, List.of(writers)));
  }

  private static void leaveEmpty(PageTable table) {}

  static Stream<Named<Work>> works() {
    Consumer<PageTable> twoPages = mapped(0, PAGE).andThen(mapped(PAGE, PAGE));
    return Stream.of(
        work(
            "two maps install the same tables",
            3,
            WritersInterleavedTest::leaveEmpty,
            map(0, PAGE),
            map(PAGE, PAGE)),
        work(
            "three maps install the same table",
            2,
            WritersInterleavedTest::leaveEmpty,
            map(0, PAGE),
            map(PAGE, PAGE),
            map(8 * PAGE, 2 * PAGE)),
        work(
            "a map into a table that an unmap empties",
            2,
            mapped(0, PAGE),
            unmap(0, PAGE),
            map(PAGE, PAGE)),
        work(
            "a map below a directory that an unmap empties",
            3,
            mapped(0, PAGE),
            unmap(0, PAGE),
            map(REGION, PAGE)),
        work(
            "a map over two tables, one of which an unmap empties",
            2,
            mapped(0, PAGE),
            unmap(0, PAGE),
            map(REGION - PAGE, 2 * PAGE)),
        work("two unmaps empty one table", 3, twoPages, unmap(0, PAGE), unmap(PAGE, PAGE)),
        work(
            "two unmaps and a map in one table",
            2,
            twoPages,
            unmap(0, PAGE),
            unmap(PAGE, PAGE),
            map(2 * PAGE, PAGE)),
        work(
            "an unmap of a whole table and one that empties it",
            2,
            twoPages,
            unmap(0, REGION),
            unmap(PAGE, PAGE)),
        work("the top grows beside a map", 1, mapped(0, PAGE), map(REGION, PAGE), map(PAGE, PAGE)),
        work(
            "an empty top grows beside a map",
            1,
            WritersInterleavedTest::leaveEmpty,
            map(REGION, PAGE),
            map(PAGE, PAGE)),
        work(
            "the top grows beside an unmap", 1, mapped(0, PAGE), map(REGION, PAGE), unmap(0, PAGE)),
        work(
            "the top grows beside its growing further",
            1,
            mapped(0, PAGE),
            map(REGION, PAGE),
            map(1L << 30, PAGE)),
        work(
            "an empty top grows twice",
            1,
            WritersInterleavedTest::leaveEmpty,
            map(REGION, PAGE),
            map(1L << 30, PAGE)),
        work(
            "a map over the end of the top beside an unmap",
            1,
            mapped(0, PAGE),
            map(REGION - PAGE, 2 * PAGE),
            unmap(0, PAGE)),
        work(
            "two writers split a sized leaf at its ends",
            2,
            mapped(0, 16 * PAGE),
            unmap(0, PAGE),
            protect(15 * PAGE, PAGE)),
        work(
            "two writers split a leaf of 2 MiB at its ends",
            2,
            mapped(0, REGION),
            unmap(0, PAGE),
            unmap(REGION - PAGE, PAGE)),
        work(
            "a split and a merge side by side in one table",
            2,
            mapped(0, 16 * PAGE).andThen(mapped(16 * PAGE, PAGE)).andThen(mapped(17 * PAGE, PAGE)),
            split(0, 16 * PAGE, 12),
            merge(16 * PAGE, 2 * PAGE, 13)),
        work(
            "maps that overlap",
            2,
            WritersInterleavedTest::leaveEmpty,
            map(0, 2 * PAGE),
            map(PAGE, 2 * PAGE)),
        work(
            "maps over two tables that overlap",
            2,
            WritersInterleavedTest::leaveEmpty,
            map(REGION - PAGE, 2 * PAGE),
            map(REGION, PAGE)),
        work("a map where an unmap is", 2, mapped(0, PAGE), unmap(0, PAGE), map(0, PAGE)),
        work(
            "unmaps that overlap",
            2,
            mapped(0, 4 * PAGE),
            unmap(0, 3 * PAGE),
            unmap(PAGE, 3 * PAGE)),
        work(
            "a split and a protect that overlap",
            2,
            mapped(0, 16 * PAGE),
            split(0, 8 * PAGE, 12),
            protect(4 * PAGE, 8 * PAGE)),
        work(
            "two maps of 2 MiB leaves install the same table",
            3,
            WritersInterleavedTest::leaveEmpty,
            map(0, REGION),
            map(REGION, REGION)),
        work(
            "a map of a 2 MiB leaf into a table that an unmap of one empties",
            3,
            mapped(0, REGION),
            unmap(0, REGION),
            map(REGION, REGION)),
        work(
            "two unmaps of 2 MiB leaves empty one table",
            3,
            mapped(0, REGION).andThen(mapped(REGION, REGION)),
            unmap(0, REGION),
            unmap(REGION, REGION)),
        work(
            "a 2 MiB leaf where an unmap takes a page",
            3,
            mapped(0, PAGE),
            unmap(0, PAGE),
            map(0, REGION)),
        work(
            "the top grows beside an unmap of a 2 MiB leaf",
            2,
            mapped(0, REGION),
            map(1L << 30, REGION),
            unmap(0, REGION)),
        work(
            "two unmaps of sized leaves empty one table",
            2,
            mapped(0, 4 * PAGE).andThen(mapped(4 * PAGE, 4 * PAGE)),
            unmap(0, 4 * PAGE),
            unmap(4 * PAGE, 4 * PAGE)),
        work(
            "a sized leaf is unmapped while another unmap splits it",
            2,
            mapped(0, 4 * PAGE),
            unmap(0, 4 * PAGE),
            unmap(2 * PAGE, PAGE)),
        work(
            "two maps side by side below one home",
            3,
            WritersInterleavedTest::leaveEmpty,
            map(GIB - REGION, 2 * REGION),
            map(3 * GIB - REGION, 2 * REGION)),
        work(
            "two maps over the same tables below one home",
            3,
            WritersInterleavedTest::leaveEmpty,
            map(GIB - REGION, 2 * REGION),
            map(GIB - 2 * REGION, REGION)),
        work(
            "maps that overlap below one home",
            3,
            WritersInterleavedTest::leaveEmpty,
            map(GIB - REGION, 2 * REGION),
            map(GIB, GIB + REGION)),
        work(
            "an unmap of what a map is filling",
            3,
            WritersInterleavedTest::leaveEmpty,
            map(GIB - REGION, 2 * REGION),
            unmap(GIB - REGION, 2 * REGION)),
        work(
            "a map over tables that an unmap empties",
            3,
            mapped(GIB - 2 * REGION, REGION).andThen(mapped(GIB + REGION, REGION)),
            map(GIB - REGION, 2 * REGION),
            unmap(GIB - 2 * REGION, REGION)),
        work(
            "the top grows beside a map that fills tables below it",
            3,
            WritersInterleavedTest::leaveEmpty,
            map(GIB - REGION, 2 * REGION),
            map(1L << 39, REGION)),
        work(
            "a merge of a table that an unmap opens",
            2,
            mapped(0, REGION).andThen(table -> splitAll(table)),
            merge(0, REGION, 21),
            unmap(3 * PAGE, PAGE)));
  }

  private static void splitAll(PageTable table) {
    IotlbGather gather = table.newGather();
    table.split(0, REGION, 12, gather);
    gather.complete();
  }

  /** What results when the writers run one after another, in every order. */
  private static Set<String> serialOutcomes(Work work) {
    Set<String> outcomes = new HashSet<>();
    for (List<Integer> order : orders(work.writers.size())) {
      PageTableConfig config = PageTableConfig.of(AmdV1.LINUX).withLevels(work.levels);
      try (TablePages pages = TablePages.reserve(64 * PAGE, 64 * PAGE, 1L << 32, false);
          PageTable table = PageTable.create(TableMemory.of(pages), config)) {
        work.before.accept(table);
        String[] results = new String[order.size()];
        for (int which : order) {
          IotlbGather gather = table.newGather();
          Writer writer = work.writers.get(which);
          results[which] = Interleaved.outcome(debts -> writer.run(table, debts), gather);
          gather.complete();
        }
        outcomes.add(List.of(results) + " " + Interleaved.leaves(pages, table));
      }
    }
    return outcomes;
  }

  private static List<List<Integer>> orders(int count) {
    if (count == 0) {
      return List.of(List.of());
    }
    List<List<Integer>> orders = new ArrayList<>();
    for (List<Integer> shorter : orders(count - 1)) {
      for (int at = 0; at < count; at++) {
        List<Integer> order = new ArrayList<>(shorter);
        order.add(at, count - 1);
        orders.add(order);
      }
    }
    return orders;
  }

  private static Explorer.Scenario scenario(
      Work work, Set<String> outcomes, Function<Integer, Interleaved> makes) {
    Interleaved run = makes.apply(work.levels);
    work.before.accept(run.table);
    for (Writer writer : work.writers) {
      Body body = gather -> writer.run(run.table, gather);
      run.and(body);
    }
    run.finallyHolds(() -> {
      String outcome = List.of(run.results) + " " + Interleaved.leaves(run.pages, run.table);
      assertTrue(outcomes.contains(outcome), () -> outcome + " is none of " + outcomes);
    });
    return run;
  }

  @ParameterizedTest
  @MethodSource("works")
  void writersLeaveWhatTheyLeaveInSomeOrder(Work work) {
    Set<String> outcomes = serialOutcomes(work);
    int threads = work.writers.size();
    Explorer.Outcome done =
        Explorer.explore(
            threads,
            pages -> scenario(work, outcomes, levels -> new Interleaved(pages, threads, levels)));
    assertTrue(done.runs() > 1, "there is more than one interleaving");
  }
}
