package dev.cleave.engine;

import static dev.cleave.engine.oracle.StatusHardware.ACCESSED;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.HitlessTest.Sizes;
import dev.cleave.engine.fixture.HitlessRun;
import dev.cleave.engine.oracle.SpecWalker.Slot;
import dev.cleave.engine.oracle.StatusHardware;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Hardware writes to pages between any two stores of an operation; no dirty bit is lost. */
@Tag("slow")
class DirtyBitsTest {
  private static final int SEEDS = 4;

  static Stream<Sizes> pairs() {
    return HitlessTest.pairs().filter(sizes -> sizes.largeLog2() <= 31);
  }

  static Stream<Sizes> steppablePairs() {
    return HitlessTest.steppablePairs().filter(sizes -> sizes.largeLog2() <= 31);
  }

  /** Runs an operation over and over while pages are written, seldom or often, by seed. */
  private static void keepsWhatIsWritten(
      Supplier<HitlessRun> prepared, Consumer<HitlessRun> operation) {
    int written = 0;
    for (int seed = 0; seed < SEEDS; seed++) {
      try (HitlessRun run = prepared.get()) {
        written += writeDuring(run, new Random(seed), operation);
      }
    }
    assertTrue(written > 0, "nothing was written");
  }

  /** Writes to random pages between stores and afterwards, then looks whether all are dirty. */
  private static int writeDuring(HitlessRun run, Random random, Consumer<HitlessRun> operation) {
    StatusHardware hardware = new StatusHardware(run.pages, run.table);
    Map<Long, Slot> remembered = new HashMap<>();
    for (int i = 0; i < 16; i++) {
      long iova = randomPage(run, random);
      remembered.put(iova, hardware.slotOf(iova));
    }
    Set<Long> written = new HashSet<>();
    int storesPerWrite = 1 << random.nextInt(9);
    boolean[] isWriting = {false};
    Runnable write =
        () -> {
          if (!isWriting[0] && random.nextInt(storesPerWrite) == 0) {
            isWriting[0] = true; // setting the bit is a store as well
            long iova = randomPage(run, random);
            hardware.setInReplica(iova, random.nextInt(256), DIRTY | ACCESSED);
            written.add(iova);
            isWriting[0] = false;
          }
        };
    run.pages.afterStore(write);
    operation.accept(run);
    run.pages.afterStore(() -> {});
    remembered.forEach((iova, at) -> {
      if (random.nextInt(4) == 0 && hardware.setRemembered(at, DIRTY | ACCESSED)) {
        written.add(iova);
      }
    });
    run.gather.complete();
    for (long iova : written) {
      assertEquals(DIRTY | ACCESSED, hardware.status(iova), () -> Long.toHexString(iova));
    }
    return written.size();
  }

  private static long randomPage(HitlessRun run, Random random) {
    return run.iova + random.nextLong(run.bytes >>> 12) * 4096;
  }

  private static HitlessRun whole(Sizes sizes) {
    return sizes.whole(0);
  }

  /** One large leaf, a piece of which has been split. */
  private static HitlessRun unequal(Sizes sizes) {
    HitlessRun run = whole(sizes);
    splitPiece(run, sizes);
    run.gather.complete();
    return run;
  }

  private static void splitPiece(HitlessRun run, Sizes sizes) {
    long from = run.iova + sizes.pieceOffset();
    run.table.split(from, sizes.pieceBytes(), sizes.smallLog2(), run.gather);
  }

  private static void merge(HitlessRun run, Sizes sizes) {
    run.table.merge(run.iova, run.bytes, sizes.largeLog2(), run.gather);
  }

  @ParameterizedTest
  @MethodSource("steppablePairs")
  void splitOfAWholeLeafKeepsWhatIsWrittenMeanwhile(Sizes sizes) {
    keepsWhatIsWritten(
        () -> whole(sizes),
        run -> run.table.split(run.iova, run.bytes, sizes.smallLog2(), run.gather));
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void splitOfAPieceOfALeafKeepsWhatIsWrittenMeanwhile(Sizes sizes) {
    keepsWhatIsWritten(() -> whole(sizes), run -> splitPiece(run, sizes));
  }

  @ParameterizedTest
  @MethodSource("steppablePairs")
  void mergeKeepsWhatIsWrittenMeanwhileAndUntilTheFlush(Sizes sizes) {
    keepsWhatIsWritten(sizes::inSmallLeaves, run -> merge(run, sizes));
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void mergeOfUnequalLeavesKeepsWhatIsWrittenMeanwhileAndUntilTheFlush(Sizes sizes) {
    keepsWhatIsWritten(() -> unequal(sizes), run -> merge(run, sizes));
  }

  @ParameterizedTest
  @MethodSource("pairs")
  void mergeThatIsSplitAgainBeforeTheFlushKeepsWhatIsWrittenUntilTheFlush(Sizes sizes) {
    keepsWhatIsWritten(
        () -> unequal(sizes),
        run -> {
          merge(run, sizes);
          splitPiece(run, sizes);
        });
  }
}
