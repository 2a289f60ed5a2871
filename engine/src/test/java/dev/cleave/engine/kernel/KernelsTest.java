package dev.cleave.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/** The provider, in the mode that this JVM was started in. */
class KernelsTest {
  @Test
  @EnabledIfSystemProperty(named = "cleave.test.kernels", matches = ".+")
  void theModeOfTheTestRunIsTheOneChosen() {
    String chosen = Kernels.chosen().toString();
    String expected = System.getProperty("cleave.test.kernels");
    assertTrue(chosen.startsWith(expected), "chosen " + chosen + ", expected " + expected);
  }

  @Test
  void theChoiceIsMadeOnce() {
    assertSame(Kernels.chosen(), Kernels.chosen());
  }

  @Test
  void vectorsAreThereExactlyWhenTheirModuleIs() {
    assertEquals(
        ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent(),
        Kernels.vector().isPresent());
  }

  @Test
  void thereIsAReason() {
    assertFalse(Kernels.reason().isBlank());
  }
}
