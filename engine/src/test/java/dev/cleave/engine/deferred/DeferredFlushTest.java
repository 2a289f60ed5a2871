package dev.cleave.engine.deferred;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.AmdV1;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** With any number of flushes outstanding a device sees what is mapped, or what was. */
@Tag("slow")
class DeferredFlushTest {
  private static final int RUNS = Integer.getInteger("cleave.test.runs", 6);
  private static final int STEPS = 1500;

  /** Of all places together; a million takes some minutes. */
  private static final int OPERATIONS = Integer.getInteger("cleave.test.operations", 20_000);

  private static final long LARGE = 1L << 12 | 1L << 21 | 1L << 30;

  /** Where a table is to be tried. */
  record Place(PageTableConfig config, long base) {}

  static Stream<Named<Place>> places() {
    return Stream.of(
        place("v1, three levels", PageTableConfig.of(AmdV1.LINUX), 0),
        place("v1, all below one top", PageTableConfig.of(AmdV1.LINUX).withLevels(4), 5L << 30),
        place("v1, a top that grows", PageTableConfig.of(AmdV1.LINUX).withLevels(1), 0),
        place(
            "v1, over the reach of three",
            PageTableConfig.of(AmdV1.LINUX),
            (1L << 39) - (1L << 30)),
        place("v1, 4K, 2M and 1G", PageTableConfig.of(AmdV1.LINUX).withPageSizes(LARGE), 1L << 40),
        place("x86", TableKind.X86_4_LEVELS.config(), 1L << 35),
        place("x86, below 2^64", TableKind.X86_4_LEVELS_UPPER_HALF.config(), -(1L << 35)));
  }

  private static Named<Place> place(String name, PageTableConfig config, long base) {
    return Named.of(name, new Place(config, base));
  }

  @ParameterizedTest
  @MethodSource("places")
  void aMappedAddressIsNeverAHole(Place place) {
    for (int seed = 1; seed <= RUNS; seed++) {
      try (DeferredRun run = new DeferredRun(place.config, place.base, seed)) {
        run.run(STEPS);
        run.end();
      } catch (AssertionError e) {
        throw new AssertionError("seed " + seed + ", " + place, e);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("places")
  void manyOperationsLeaveTheTablesOfATableBuiltAfresh(Place place) {
    long places = places().count();
    try (DeferredRun run = new DeferredRun(place.config, place.base, 1000)) {
      run.run((int) ((OPERATIONS + places - 1) / places));
      run.end();
    }
  }
}
