package dev.cleave.bench.jmh;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.processor.CoreLook;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What times are a multiple of, and the times of C that are scaled by it. */
class CalibrationTest {
  private static final CoreLook OWN = new CoreLook(2, 0.5);

  @Test
  void aThousandDependentAdditionsTakeAboutAThousandCycles() {
    Calibration calibration = new Calibration();
    Calibration.Reading reading = calibration.read();
    // from 8 GHz on down; a compiler that knew a shorter way would be far below
    assertTrue(reading.chained() > 125 && reading.chained() < 20_000, reading.toString());
    // four side by side, each twice as long: no core does them in less time than one
    assertTrue(reading.most().adding() > 1, reading.toString());
    assertTrue(reading.most().copying() > 0, reading.toString());
    assertTrue(calibration.own().adding() <= reading.most().adding(), reading.toString());
    assertTrue(calibration.own().copying() <= reading.most().copying(), reading.toString());
  }

  @Test
  void aMoveOfTheChainByOverATenthEitherWayIsLoud() {
    assertFalse(around(300, OWN, 329, OWN).isLoud(OWN));
    assertFalse(around(329, OWN, 300, OWN).isLoud(OWN));
    assertTrue(around(300, OWN, 331, OWN).isLoud(OWN));
    assertTrue(around(331, OWN, 300, OWN).isLoud(OWN));
  }

  @Test
  void aCoreThatIsNotOursBeforeOrAfterIsLoud() {
    CoreLook shared = new CoreLook(2, 0.7);
    assertTrue(around(300, shared, 300, OWN).isLoud(OWN));
    assertTrue(around(300, OWN, 300, shared).isLoud(OWN));
  }

  private static Calibration.Around around(
      double chained, CoreLook look, double chainedAfter, CoreLook lookAfter) {
    return new Calibration.Around(
        new Calibration.Reading(chained, look), new Calibration.Reading(chainedAfter, lookAfter));
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
