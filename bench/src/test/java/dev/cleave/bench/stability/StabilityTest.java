package dev.cleave.bench.stability;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.processor.CoreLook;
import dev.cleave.bench.processor.CoreWatch;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
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
    for (StabilityRow row : rows) {
      boolean isKernel = row.work().startsWith("kernel:");
      // what the machine was loud around is left out, unless all is
      assertTrue(row.forks() >= 1 && row.forks() <= (isKernel ? 3 : 2), row.toString());
      assertTrue(row.bestNs() > 0 && row.ratio() >= 1, row.toString());
    }
  }

  @Test
  void whatHadNoCoreForItselfIsLeftOut() {
    Stability stability = new Stability(3, 1);
    stability.add(fork(0), lines("2.08;0.54", line("a", 10, 0, true), line("b", 20, 0, true)));
    stability.add(fork(1), lines("2.08;0.54", line("a", 30, 0, false), line("b", 21, 0, true)));
    stability.add(fork(2), lines("2.09;0.54", line("a", 11, 0, true), line("b", 90, 0, true)));
    assertEquals(List.of(fork(1)), stability.loud());
    assertEquals(
        List.of(
            StabilityRow.of("a", 2, 10, 11, 0, fork(2)),
            StabilityRow.of("b", 3, 20, 90, 0, fork(2))),
        stability.rows());
  }

  @Test
  void aJvmThatNeverHadACoreForItselfIsLoudAsSoonAsAnotherHad() {
    Stability stability = new Stability(2, 1);
    stability.add(fork(0), lines("2.3;0.54", line("a", 16, 0, true)));
    assertEquals(List.of(), stability.loud());
    stability.add(fork(2), lines("2.08;0.54", line("a", 10, 0, true)));
    assertEquals(List.of(fork(0)), stability.loud());
    assertEquals(List.of(StabilityRow.of("a", 1, 10, 10, 0, fork(2))), stability.rows());
  }

  @Test
  void besideABusyThreadACoreLooksLikeOthersBesideOne() {
    Stability stability = new Stability(2, 1);
    stability.add(fork(0), lines("2.08;0.54", line("a", 10, 0, true)));
    stability.add(fork(1), lines("2.3;0.54", line("a", 16, 0, true)));
    assertEquals(List.of(), stability.loud());
  }

  @Test
  void whatOnlyLoudJvmsHaveMeasuredIsShown() {
    Stability stability = new Stability(2, 1);
    stability.add(fork(0), lines("2.08;0.54", line("a", 10, 0, false)));
    stability.add(fork(2), lines("2.08;0.54", line("a", 16, 0, false)));
    assertEquals(List.of(StabilityRow.of("a", 2, 10, 16, 0, fork(2))), stability.rows());
  }

  @Test
  void garbageOfALoudJvmIsSeen() {
    Stability stability = new Stability(2, 1);
    stability.add(fork(0), lines("2.08;0.54", line("a", 10, 0, true)));
    stability.add(fork(2), lines("2.08;0.54", line("a", 9, 24, false)));
    assertEquals(List.of(StabilityRow.of("a", 1, 10, 10, 24, fork(0))), stability.rows());
  }

  @Test
  void timesAreGivenAtTheQuickestPaceOfAnyJvm() {
    Stability stability = new Stability(2, 1);
    String look = "2.08;0.54" + StabilityFork.SEPARATOR;
    stability.add(fork(0), List.of(look + 300, line("a", 0.1, 0, true)));
    stability.add(fork(2), List.of(look + 250, line("a", 0.2, 0, true)));
    assertEquals(250, stability.chainNanos());
    assertEquals(List.of(StabilityRow.of("a", 2, 25, 50, 0, fork(2))), stability.rows());
  }

  private static Stability.Fork fork(int number) {
    return new Stability.Fork(number, "both", number % 2 == 1);
  }

  /** Of a JVM in which a chain takes a nanosecond at its quickest. */
  private static List<String> lines(String look, String... works) {
    return Stream.concat(Stream.of(look + StabilityFork.SEPARATOR + 1), Stream.of(works)).toList();
  }

  private static String line(String work, double chains, double bytes, boolean isQuiet) {
    return String.join(
        StabilityFork.SEPARATOR, work, "" + chains, "" + bytes, Boolean.toString(isQuiet));
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
  void theTimeOfAWorkIsTheMedianOfItsQuietSlicesOrOfAll() {
    Measured measured = new Measured(new KernelWorks().all().getFirst(), 20);
    for (int i = 0; i < 5; i++) {
      measured.add(10 + i, true, 1, 0);
      measured.add(100 + i, false, 1, 0);
    }
    assertFalse(measured.isQuiet());
    assertEquals(102, measured.chains());
    measured.add(8, true, 1, 0);
    assertTrue(measured.isQuiet());
    assertEquals(12, measured.chains());
  }

  @Test
  void oneSliceMayHaveTheLiteralsOfAClass() {
    assertEquals(0, Measured.garbage(new long[] {0, 232, 0}));
    assertEquals(0, Measured.garbage(new long[] {0, 4096}));
    assertEquals(4104, Measured.garbage(new long[] {0, 4104}));
    assertEquals(24, Measured.garbage(new long[] {24, 232, 0}));
    assertEquals(232, Measured.garbage(new long[] {232, 232, 0}));
  }

  @Test
  void whatOthersAreBesideIsNotQuiet() {
    CoreLook better = new CoreLook(0.1, 0.001); // than any core is
    StabilityFork fork = new StabilityFork(1_000_000, new CoreWatch(better));
    List<Work> works = new KernelWorks().all().subList(0, 2);
    for (Measured one : fork.measure(works, new java.util.Random(1))) {
      assertFalse(one.isQuiet(), one.name());
      assertTrue(one.chains() > 0, one.name());
    }
  }

  @Test
  void aSliceOfTooFewBatchesCountsWithThose() {
    StabilityFork fork = new StabilityFork(1_000_000, new CoreWatch(CoreLook.UNKNOWN));
    Work slow =
        new Work("slow") {
          @Override
          long run(int times) {
            java.util.concurrent.locks.LockSupport.parkNanos(3_000_000);
            return times;
          }
        };
    Measured one = fork.measure(List.of(slow), new java.util.Random(1)).getFirst();
    assertFalse(one.isQuiet());
    assertTrue(one.chains() >= 100, "" + one.chains()); // a chain takes less than 10 us
  }

  @Test
  void garbageOfOneJvmIsSeen() {
    StabilityFork fork = new StabilityFork(1_000_000, new CoreWatch(CoreLook.UNKNOWN));
    byte[][] kept = new byte[1][];
    List<Measured> measured =
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
    for (Measured one : measured) {
      boolean makes = one.name().equals("garbage");
      assertTrue(makes ? one.bytes() >= 1000 : one.bytes() < 100, one.name() + one.bytes());
    }
  }
}
