package dev.cleave.bench.stability;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is measured in many JVMs, and what is said of it. Times of so short runs mean nothing. */
@Tag("slow")
class StabilityTest {
  private static final Stability.Fork FORK = new Stability.Fork(3, "both", true);

  private static Set<String> names(List<Work> works) {
    Set<String> names = works.stream().map(Work::name).collect(Collectors.toSet());
    assertEquals(works.size(), names.size(), "a name twice");
    return names;
  }

  @Test
  void everyWorkDoesSomethingEveryTime() {
    for (List<Work> works :
        List.of(new TableWorks("v1", AmdV1.LINUX).all(), new TableWorks("x86", X86.LINUX).all())) {
      for (Work work : works) {
        for (int i = 0; i < 3; i++) {
          assertTrue(work.run(2) > 0, work.name());
        }
      }
    }
  }

  @Test
  void onlyAmdV1HasSizedLeaves() {
    Set<String> v1 = names(new TableWorks("", AmdV1.LINUX).all());
    Set<String> x86 = names(new TableWorks("", X86.LINUX).all());
    assertTrue(v1.containsAll(x86));
    v1.removeAll(x86);
    assertEquals(
        Set.of(": map and unmap one leaf of 64 KiB", ": map and unmap one leaf of 1 MiB"), v1);
  }

  @Test
  void jvmsOfOneFormatAndOfBothMeasureTheirWorks() throws Exception {
    Stability stability = new Stability(3, 0.05);
    stability.run(_ -> true);
    assertEquals(3, stability.done());
    List<StabilityRow> rows = stability.rows();
    Set<String> expected = names(new KernelWorks().all());
    expected.addAll(names(new TableWorks("v1", AmdV1.LINUX).all()));
    expected.addAll(names(new TableWorks("x86", X86.LINUX).all()));
    assertEquals(expected, rows.stream().map(StabilityRow::work).collect(Collectors.toSet()));
    List<Stability.Fork> loud = stability.loud(); // they are left out, unless all would be
    for (StabilityRow row : rows) {
      String format = row.work().substring(0, row.work().indexOf(':'));
      List<String> mixes =
          format.equals("kernel") ? List.of("both", "v1", "x86") : List.of("both", format);
      long leftOut = loud.stream().filter(fork -> mixes.contains(fork.formats())).count();
      assertEquals(mixes.size() - leftOut % mixes.size(), row.forks(), row.toString());
      assertTrue(row.bestNs() > 0 && row.ratio() >= 1, row.toString());
    }
  }

  @Test
  void aJvmIsLoudWhereMostWorksTakeLongerAndNotWhereOneDoes() {
    Stability stability =
        measured(new double[][] {{10, 20, 30}, {11, 21, 90}, {13, 26, 30}, {10, 19, 31}});
    assertEquals(List.of(2), stability.loud().stream().map(Stability.Fork::number).toList());
  }

  @Test
  void loudJvmsDoNotHideEachOther() {
    Stability stability =
        measured(
            new double[][] {
              {10, 20, 30}, {17, 35, 50}, {10, 20, 30}, {18, 36, 55}, {11, 21, 31}, {19, 33, 60}
            });
    assertEquals(List.of(1, 3, 5), stability.loud().stream().map(Stability.Fork::number).toList());
  }

  @Test
  void whatLoudJvmsMeasuredIsLeftOutAndWhatOneWorkTookIsNot() {
    Stability stability =
        measured(new double[][] {{10, 20, 30}, {11, 21, 90}, {13, 26, 95}, {10, 19, 31}});
    List<StabilityRow> rows = stability.rows();
    assertEquals(List.of(3, 3, 3), rows.stream().map(StabilityRow::forks).toList());
    assertEquals(List.of(11.0, 21.0, 90.0), rows.stream().map(StabilityRow::worstNs).toList());
    assertEquals(1, rows.get(2).worstFork().number());
  }

  @Test
  void garbageOfALoudJvmIsSeen() {
    Stability stability = measured(new double[][] {{10, 20}, {20, 40}, {10, 20}, {10, 20}});
    stability.add(
        new Stability.Fork(1, "both", false),
        String.join(StabilityFork.SEPARATOR, "new", "9", "24.0"));
    stability.add(
        new Stability.Fork(0, "both", false),
        String.join(StabilityFork.SEPARATOR, "new", "9", "0.0"));
    assertEquals(List.of(1), stability.loud().stream().map(Stability.Fork::number).toList());
    StabilityRow row = stability.rows().getFirst();
    assertEquals("new", row.work());
    assertEquals(1, row.forks());
    assertEquals(24.0, row.bytesPerOp());
  }

  private static Stability measured(double[][] nanos) {
    Stability stability = new Stability(nanos.length, 1);
    for (int fork = 0; fork < nanos.length; fork++) {
      for (int work = 0; work < nanos[fork].length; work++) {
        stability.add(
            new Stability.Fork(fork, "both", false),
            String.join(StabilityFork.SEPARATOR, "work " + work, "" + nanos[fork][work], "0.0"));
      }
    }
    return stability;
  }

  @Test
  void nothingMoreIsStartedWhenItIsToEnd() throws Exception {
    Stability stability = new Stability(3, 0.05);
    stability.run(_ -> false);
    assertEquals(0, stability.done());
    assertEquals(List.of(), stability.rows());
  }

  @ParameterizedTest
  @CsvSource({
    "10, 15, 0, true",
    "10, 15.1, 0, false",
    "10, 10, 0.004, true",
    "10, 10, 0.006, false"
  })
  void aRowIsAboveWhenItIsUnstableOrMakesGarbage(
      double best, double worst, double bytes, boolean reached) {
    StabilityRow row = StabilityRow.of("work", 2, best, worst, bytes, FORK);
    assertEquals(reached, row.isReached(), row.toString());
  }

  @Test
  void oneSliceMayHaveTheLiteralsOfAClass() {
    assertEquals(0, StabilityFork.garbage(new long[] {0, 232, 0}));
    assertEquals(0, StabilityFork.garbage(new long[] {0, 4096}));
    assertEquals(4104, StabilityFork.garbage(new long[] {0, 4104}));
    assertEquals(24, StabilityFork.garbage(new long[] {24, 232, 0}));
    assertEquals(232, StabilityFork.garbage(new long[] {232, 232, 0}));
  }

  @Test
  void garbageOfOneJvmIsSeen() {
    StabilityFork fork = new StabilityFork(1_000_000);
    byte[][] kept = new byte[1][];
    List<StabilityFork.Measured> measured =
        fork.measure(
            List.of(
                new Work("garbage") {
                  @Override
                  long run(int times) {
                    for (int i = 0; i < times; i++) {
                      kept[0] = new byte[1000];
                    }
                    return times;
                  }
                },
                new Work("none") {
                  private long last = 1;

                  @Override
                  long run(int times) {
                    for (int i = 0; i < times; i++) {
                      last += last >>> 1 ^ i;
                    }
                    return last | 1;
                  }
                }),
            new java.util.Random(1));
    for (StabilityFork.Measured one : measured) {
      boolean makes = one.name().equals("garbage");
      assertTrue(makes ? one.bytes() >= 1000 : one.bytes() < 100, one.name() + one.bytes());
    }
  }
}
