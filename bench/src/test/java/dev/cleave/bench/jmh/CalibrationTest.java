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
    Calibration calibration = new Calibration();
    Calibration.Reading reading = calibration.read();
    // from 8 GHz on down; a compiler that knew a shorter way would be far below
    assertTrue(reading.chained() > 125 && reading.chained() < 20_000, reading.toString());
    // 8000 of which no processor does more than eight at a time
    assertTrue(reading.wide() > 125 && reading.wide() < 160_000, reading.toString());
    assertEquals(reading.wide(), calibration.leastWide());
  }

  @Test
  void theLeastIsThatOfAllReadings() {
    Calibration calibration = new Calibration();
    double least = Math.min(calibration.read().wide(), calibration.read().wide());
    assertEquals(least, calibration.leastWide());
  }

  @Test
  void aMoveOfTheChainByOverATenthEitherWayIsLoud() {
    assertFalse(around(300, 600, 329, 600).isLoud(600));
    assertFalse(around(329, 600, 300, 600).isLoud(600));
    assertTrue(around(300, 600, 331, 600).isLoud(600));
    assertTrue(around(331, 600, 300, 600).isLoud(600));
  }

  @Test
  void additionsSideBySideThatTakeATenthMoreThanAtBestAreLoud() {
    assertFalse(around(300, 659, 300, 659).isLoud(600));
    assertTrue(around(300, 661, 300, 600).isLoud(600));
    assertTrue(around(300, 600, 300, 661).isLoud(600));
    assertEquals(1.2, around(300, 600, 300, 720).loudness(600), 1e-9);
  }

  private static Calibration.Around around(
      double chained, double wide, double chainedAfter, double wideAfter) {
    return new Calibration.Around(
        new Calibration.Reading(chained, wide), new Calibration.Reading(chainedAfter, wideAfter));
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
