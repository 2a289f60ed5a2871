package dev.cleave.bench.conform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.conform.qemu.Machine;
import dev.cleave.bench.conform.qemu.QemuInstalled;
import dev.cleave.bench.conform.qemu.QemuOptions;
import java.util.EnumSet;
import java.util.Optional;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("slow")
class ConformanceTest {
  private static final long SEED = 1;
  private static final int ROUNDS = 2;

  private static Machine machine;

  @BeforeAll
  static void start() {
    QemuInstalled.orSkip();
    machine = Machine.start(QemuOptions.of(QemuOptions.DEFAULT_PROGRAM));
  }

  @AfterAll
  static void stop() {
    if (machine != null) {
      machine.close();
    }
  }

  @Test
  void qemuTranslatesAsTheEngineSaysInEveryKindOfCase() {
    Conformance conformance = new Conformance(machine, SEED);

    for (long number = 0; number < (long) ROUNDS * CaseKind.values().length; number++) {
      assertEquals(Optional.empty(), conformance.run(number, () -> {}));
    }

    ConformanceResult result = conformance.result();
    assertEquals(EnumSet.allOf(CaseKind.class), result.kinds().keySet());
    assertTrue(result.states() >= 200, "too few states: " + result.states());
    assertTrue(result.probes() >= 200_000, "too few probes: " + result.probes());
    assertNotEquals(0, result.stale(), "no translation was ever seen stale");
    assertNotEquals(0, result.far(), "no output address beyond memory was seen");
    assertNotEquals(0, result.during(), "no DMA ran between stores");
  }

  @Test
  void aCaseRunAloneDoesWhatItDoesAmongOthers() {
    Conformance among = new Conformance(machine, SEED);
    assertEquals(Optional.empty(), among.run(0, () -> {}));
    ConformanceResult before = among.result();
    assertEquals(Optional.empty(), among.run(10, () -> {}));
    ConformanceResult after = among.result();

    Conformance alone = new Conformance(machine, SEED);
    assertEquals(Optional.empty(), alone.run(10, () -> {}));

    assertEquals(after.probes() - before.probes(), alone.result().probes());
    assertEquals(after.states() - before.states(), alone.result().states());
    assertEquals(after.stale() - before.stale(), alone.result().stale());
  }
}
