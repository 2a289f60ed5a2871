package dev.cleave.engine;

import static dev.cleave.engine.HitlessRun.IOVA;
import static dev.cleave.engine.Window.ALL;
import static dev.cleave.engine.Window.X86_SIZES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.HitlessRun.Verdict;
import dev.cleave.engine.format.Access;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Between any two stores of an operation a walker finds what it may find, and never a gap. */
class HitlessTest {
  /** From one leaf size to another, in a table with these page sizes. */
  record Sizes(long pageSizes, int largeLog2, int smallLog2) {
    long large() {
      return 1L << largeLog2;
    }

    long small() {
      return 1L << smallLog2;
    }

    /** Whether going all the way takes few enough stores to look between them. */
    boolean isSteppable() {
      return largeLog2 - smallLog2 <= 10;
    }

    /** A piece in the middle that begins and ends on small leaves, but on no larger ones. */
    long pieceOffset() {
      return largeLog2 - smallLog2 < 3 ? small() : large() / 2 - small();
    }

    long pieceBytes() {
      return largeLog2 - smallLog2 < 3 ? small() : 3 * small();
    }
  }

  static Stream<Sizes> pairs() {
    List<Sizes> pairs = new ArrayList<>();
    int[] smaller = {12, 13, 16, 20, 21, 22, 29, 30, 40};
    int[] larger = {13, 16, 20, 21, 22, 29, 30, 31, 41};
    for (int large : larger) {
      for (int small : smaller) {
        if (small < large) {
          pairs.add(new Sizes(ALL, large, small));
        }
      }
    }
    pairs.add(new Sizes(X86_SIZES, 21, 12));
    pairs.add(new Sizes(X86_SIZES, 30, 12));
    pairs.add(new Sizes(X86_SIZES, 30, 21));
    return pairs.stream();
  }

  static Stream<Sizes> steppablePairs() {
    return pairs().filter(Sizes::isSteppable);
  }

  @ParameterizedTest
  @MethodSource("steppablePairs")
  void splitOfAWholeLeafLeavesNoGap(Sizes sizes) {
    try (HitlessRun run = new HitlessRun(sizes.pageSizes(), sizes.large(), sizes.large() / 2)) {
      run.storesOf(
          () -> run.table.split(IOVA, run.bytes, sizes.smallLog2(), run.gather), Verdict.SAME);
      assertEquals(sizes.smallLog2(), run.leafLog2(IOVA + sizes.large() / 2));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void splitOfAPieceOfALeafLeavesNoGap(Sizes sizes) {
    long from = sizes.pieceOffset();
    try (HitlessRun run = new HitlessRun(sizes.pageSizes(), sizes.large(), from)) {
      run.storesOf(
          () -> run.table.split(IOVA + from, sizes.pieceBytes(), sizes.smallLog2(), run.gather),
          Verdict.SAME);
      assertEquals(sizes.smallLog2(), run.leafLog2(IOVA + from));
    }
  }

  @ParameterizedTest
  @MethodSource("steppablePairs")
  void mergeLeavesNoGap(Sizes sizes) {
    try (HitlessRun run =
        new HitlessRun(sizes.pageSizes(), sizes.large(), sizes.smallLog2(), sizes.large() / 2)) {
      run.storesOf(
          () -> run.table.merge(IOVA, run.bytes, sizes.largeLog2(), run.gather), Verdict.SAME);
      assertEquals(sizes.largeLog2(), run.leafLog2(IOVA));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void mergeOfTheUnequalLeavesAroundAPieceLeavesNoGap(Sizes sizes) {
    long from = sizes.pieceOffset();
    try (HitlessRun run = new HitlessRun(sizes.pageSizes(), sizes.large(), from)) {
      run.table.split(IOVA + from, sizes.pieceBytes(), sizes.smallLog2(), run.gather);
      run.storesOf(
          () -> run.table.merge(IOVA, run.bytes, sizes.largeLog2(), run.gather), Verdict.SAME);
      assertEquals(sizes.largeLog2(), run.leafLog2(IOVA));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void fitLeavesNoGapOnTheWayThereAndBack(Sizes sizes) {
    long from = sizes.pieceOffset();
    try (HitlessRun run = new HitlessRun(sizes.pageSizes(), sizes.large(), from)) {
      SizeRule small = SizeRule.atMost(sizes.smallLog2());
      run.storesOf(
          () -> run.table.fit(IOVA + from, sizes.pieceBytes(), small, run.gather), Verdict.SAME);
      SizeRule large = SizeRule.atMost(sizes.largeLog2());
      run.storesOf(() -> run.table.fit(IOVA, run.bytes, large, run.gather), Verdict.SAME);
      assertEquals(sizes.largeLog2(), run.leafLog2(IOVA));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void unmapInsideALeafLeavesNoGapOutside(Sizes sizes) {
    long from = sizes.pieceOffset();
    long to = from + sizes.pieceBytes();
    try (HitlessRun run = new HitlessRun(sizes.pageSizes(), sizes.large(), from)) {
      run.storesOf(
          () -> run.table.unmap(IOVA + from, sizes.pieceBytes(), run.gather),
          (iova, before, now) -> now == before || (isInside(iova, from, to) && now == -1));
      assertEquals(SpecWalker.HOLE, run.walk(IOVA + from));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void protectInsideALeafShowsOldOrNewPermissionsAndNothingElse(Sizes sizes) {
    long from = sizes.pieceOffset();
    long to = from + sizes.pieceBytes();
    try (HitlessRun run = new HitlessRun(sizes.pageSizes(), sizes.large(), from)) {
      run.storesOf(
          () -> run.table.protect(IOVA + from, sizes.pieceBytes(), Access.READ, run.gather),
          (iova, before, now) ->
              now == before || (isInside(iova, from, to) && now == (before & ~2L)));
      assertTrue((run.walk(IOVA + from) & 2) == 0, "may not be written any more");
    }
  }

  private static boolean isInside(long iova, long from, long to) {
    return iova - IOVA >= from && iova - IOVA < to;
  }
}
