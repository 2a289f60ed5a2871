package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.HitlessRun;
import dev.cleave.engine.fixture.HitlessRun.Verdict;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.oracle.SpecWalker;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Between any two stores of an operation a walker finds what it may find, and never a gap. */
@Tag("slow")
class HitlessTest {
  /** From one leaf size to another, in a table of a kind with these page sizes. */
  private static final long ALL = AmdV1.LINUX.leafSizes();

  private static final long X86_SIZES = X86.LINUX.leafSizes();

  record Sizes(TableKind kind, long pageSizes, int largeLog2, int smallLog2) {
    /** A table that maps one large leaf, looked at around a place as well. */
    HitlessRun whole(long place) {
      return new HitlessRun(kind, pageSizes, large(), 63, place);
    }

    /** The same in small leaves. */
    HitlessRun inSmallLeaves() {
      return new HitlessRun(kind, pageSizes, large(), smallLog2, large() / 2);
    }

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
          pairs.add(new Sizes(TableKind.AMD_V1, ALL, large, small));
        }
      }
    }
    for (TableKind kind : TableKind.values()) {
      pairs.add(new Sizes(kind, X86_SIZES, 21, 12));
      pairs.add(new Sizes(kind, X86_SIZES, 30, 12));
      pairs.add(new Sizes(kind, X86_SIZES, 30, 21));
    }
    return pairs.stream();
  }

  static Stream<Sizes> steppablePairs() {
    return pairs().filter(Sizes::isSteppable);
  }

  @ParameterizedTest
  @MethodSource("steppablePairs")
  void splitOfAWholeLeafLeavesNoGap(Sizes sizes) {
    try (HitlessRun run = sizes.whole(sizes.large() / 2)) {
      run.storesOf(
          () -> run.table.split(run.iova, run.bytes, sizes.smallLog2(), run.gather), Verdict.SAME);
      assertEquals(sizes.smallLog2(), run.leafLog2(run.iova + sizes.large() / 2));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void splitOfAPieceOfALeafLeavesNoGap(Sizes sizes) {
    long from = sizes.pieceOffset();
    try (HitlessRun run = sizes.whole(from)) {
      run.storesOf(
          () -> run.table.split(run.iova + from, sizes.pieceBytes(), sizes.smallLog2(), run.gather),
          Verdict.SAME);
      assertEquals(sizes.smallLog2(), run.leafLog2(run.iova + from));
    }
  }

  @ParameterizedTest
  @MethodSource("steppablePairs")
  void mergeLeavesNoGap(Sizes sizes) {
    try (HitlessRun run = sizes.inSmallLeaves()) {
      run.storesOf(
          () -> run.table.merge(run.iova, run.bytes, sizes.largeLog2(), run.gather), Verdict.SAME);
      assertEquals(sizes.largeLog2(), run.leafLog2(run.iova));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void mergeOfTheUnequalLeavesAroundAPieceLeavesNoGap(Sizes sizes) {
    long from = sizes.pieceOffset();
    try (HitlessRun run = sizes.whole(from)) {
      run.table.split(run.iova + from, sizes.pieceBytes(), sizes.smallLog2(), run.gather);
      run.storesOf(
          () -> run.table.merge(run.iova, run.bytes, sizes.largeLog2(), run.gather), Verdict.SAME);
      assertEquals(sizes.largeLog2(), run.leafLog2(run.iova));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void fitLeavesNoGapOnTheWayThereAndBack(Sizes sizes) {
    long from = sizes.pieceOffset();
    try (HitlessRun run = sizes.whole(from)) {
      SizeRule small = SizeRule.atMost(sizes.smallLog2());
      run.storesOf(
          () -> run.table.fit(run.iova + from, sizes.pieceBytes(), small, run.gather),
          Verdict.SAME);
      SizeRule large = SizeRule.atMost(sizes.largeLog2());
      run.storesOf(() -> run.table.fit(run.iova, run.bytes, large, run.gather), Verdict.SAME);
      assertEquals(sizes.largeLog2(), run.leafLog2(run.iova));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void unmapInsideALeafLeavesNoGapOutside(Sizes sizes) {
    long from = sizes.pieceOffset();
    long to = from + sizes.pieceBytes();
    try (HitlessRun run = sizes.whole(from)) {
      run.storesOf(
          () -> run.table.unmap(run.iova + from, sizes.pieceBytes(), run.gather),
          (iova, before, now) ->
              now == before || (isInside(iova - run.iova, from, to) && now == -1));
      assertEquals(SpecWalker.HOLE, run.walk(run.iova + from));
    }
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void protectInsideALeafShowsOldOrNewPermissionsAndNothingElse(Sizes sizes) {
    long from = sizes.pieceOffset();
    long to = from + sizes.pieceBytes();
    try (HitlessRun run = sizes.whole(from)) {
      run.storesOf(
          () -> run.table.protect(run.iova + from, sizes.pieceBytes(), Access.READ, run.gather),
          (iova, before, now) ->
              now == before || (isInside(iova - run.iova, from, to) && now == (before & ~2L)));
      assertTrue((run.walk(run.iova + from) & 2) == 0, "may not be written any more");
    }
  }

  private static boolean isInside(long offset, long from, long to) {
    return offset >= from && offset < to;
  }
}
