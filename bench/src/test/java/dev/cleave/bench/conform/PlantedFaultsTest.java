package dev.cleave.bench.conform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.conform.Conformance.Failure;
import dev.cleave.bench.conform.qemu.Machine;
import dev.cleave.bench.conform.qemu.QemuInstalled;
import dev.cleave.bench.conform.qemu.QemuOptions;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A judge is worth something only if it finds what is wrong. */
@Tag("slow")
class PlantedFaultsTest {
  private static final int MOST_CASES = 2 * CaseKind.values().length;

  @BeforeAll
  static void needsQemu() {
    QemuInstalled.orSkip();
  }

  @ParameterizedTest
  @EnumSource
  void aPlantedFaultIsFound(PlantedFault fault) {
    Failure failure = firstFailure(fault).orElse(null);

    assertTrue(failure != null, fault + " was not found in " + MOST_CASES + " cases");
    assertEquals(1, failure.seed());
    assertFalse(failure.operations().isEmpty(), "a failure must say what was done");
    assertTrue(
        failure.answers().stream().anyMatch(line -> line.startsWith("  QEMU: ")),
        "QEMU must be the one who finds it: " + failure);
  }

  private static Optional<Failure> firstFailure(PlantedFault fault) {
    try (Machine machine = Machine.start(QemuOptions.of(QemuOptions.DEFAULT_PROGRAM))) {
      Conformance conformance =
          new Conformance(
              machine,
              1,
              0,
              (memory, base) -> new FaultyPages(memory, base, fault.entryFault()),
              fault.between());
      Optional<Failure> failure = Optional.empty();
      for (long number = 0; number < MOST_CASES && failure.isEmpty(); number++) {
        failure = conformance.run(number, () -> {});
      }
      return failure;
    }
  }
}
