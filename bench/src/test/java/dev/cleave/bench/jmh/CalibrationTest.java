package dev.cleave.bench.jmh;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What times are a multiple of, and the times of C that are scaled by it. */
class CalibrationTest {
  @Test
  void aThousandDependentAdditionsTakeAboutAThousandCycles() {
    double nanos = new Calibration().nanos();
    // from 8 GHz on down; a compiler that knew a shorter way would be far below
    assertTrue(nanos > 125 && nanos < 20_000, nanos + " ns");
  }

  @Test
  void aMoveByOverATenthEitherWayIsLoud() {
    assertFalse(new Calibration.Around(300, 329).isLoud());
    assertFalse(new Calibration.Around(329, 300).isLoud());
    assertTrue(new Calibration.Around(300, 331).isLoud());
    assertTrue(new Calibration.Around(331, 300).isLoud());
  }

  @Test
  void everyTimeOfCIsThatOfAPair() {
    Set<String> works = Pairs.ALL.stream().map(Pair::work).collect(Collectors.toSet());
    assertEquals(19, LinuxReference.works().size());
    assertTrue(works.containsAll(LinuxReference.works()), LinuxReference.works().toString());
  }

  @Test
  void whatIsBoundByTheCoreIsScaledByTheCalibration() {
    assertEquals(28.7, LinuxReference.nanos("map one 4K page", 330, 1).orElseThrow(), 1e-9);
    assertEquals(14.35, LinuxReference.nanos("map one 4K page", 165, 1).orElseThrow(), 1e-9);
  }

  @Test
  void whatLivesInMemoryIsScaledByTheFill() {
    assertEquals(
        34_526_000,
        LinuxReference.nanos("map 64 GiB as 4K leaves", 1, 2_690_000).orElseThrow(),
        1e-3);
    assertEquals(
        2 * 34_526_000,
        LinuxReference.nanos("map 64 GiB as 4K leaves", 1, 5_380_000).orElseThrow(),
        1e-3);
  }

  @Test
  void whatCDoesNotHaveHasNoTime() {
    PairResult result =
        new PairResult("split 2M into 512 x 4K", "-", 1, 1, 1, 2, 0, "ns").calibrated(330, false);
    assertEquals(null, result.cNs());
    assertEquals(null, result.cRatio());
  }

  @Test
  void aResultSaysItsPartOfC() {
    PairResult result =
        new PairResult("map one 4K page", "-", 14.35, 1, 1, 2, 0, "ns").calibrated(330, true);
    assertEquals(0.5, result.cRatio(), 1e-9);
    assertEquals(330, result.calibrationNs());
    assertTrue(result.isLoud());
  }
}
