package dev.cleave.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.kernel.KernelChoice.JavaRuntime;
import dev.cleave.engine.kernel.KernelChoice.Kind;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which kernels are chosen where. */
class KernelChoiceTest {
  private static final JavaRuntime C2 =
      new JavaRuntime("OpenJDK 64-Bit Server VM", "25.0.3+9-LTS", "mixed mode, sharing", true);
  private static final JavaRuntime WITHOUT_MODULE =
      new JavaRuntime(C2.vmName(), C2.vmVersion(), C2.vmInfo(), false);

  @Test
  void theVectorApiIsNotUsedUnasked() {
    KernelChoice choice = KernelChoice.decide("auto", C2);
    assertEquals(Kind.PLAIN, choice.kind());
    assertNull(choice.warning());
    assertEquals("kernels: plain; loops that C2 makes vectors of", choice.line());
  }

  @Test
  void itsModuleIsNotMissed() {
    assertEquals(KernelChoice.decide("auto", C2), KernelChoice.decide("auto", WITHOUT_MODULE));
  }

  @Test
  void whoAsksForVectorsWithoutTheModuleIsWarnedWithTheFlagThatAddsIt() {
    KernelChoice choice = KernelChoice.decide("vector", WITHOUT_MODULE);
    assertEquals(Kind.PLAIN, choice.kind());
    assertNotNull(choice.warning());
    assertTrue(choice.warning().contains("--add-modules=jdk.incubator.vector"), choice.warning());
  }

  @Test
  void whoAsksForPlainKernelsIsNotWarned() {
    assertEquals(
        new KernelChoice(Kind.PLAIN, "asked for by -Dcleave.kernels=plain", null),
        KernelChoice.decide("plain", WITHOUT_MODULE));
    assertEquals(Kind.PLAIN, KernelChoice.decide("plain", C2).kind());
  }

  @Test
  void whoAsksForVectorsGetsThemAtOnce() {
    assertEquals(
        new KernelChoice(Kind.VECTOR, "asked for by -Dcleave.kernels=vector", null),
        KernelChoice.decide("vector", C2));
  }

  @Test
  void anUnknownWishIsNamedAndLeftOut() {
    KernelChoice choice = KernelChoice.decide("fast", C2);
    assertEquals(KernelChoice.decide("auto", C2).reason(), choice.reason());
    assertEquals(
        "cleave.kernels must be auto, plain or vector, cleave.kernels=fast: auto it is",
        choice.warning());
  }

  @ParameterizedTest
  @CsvSource({
    "Eclipse OpenJ9 VM, v0.50, JRE 25, OpenJ9",
    "OpenJDK 64-Bit Server VM, 25+37, 'interpreted mode, sharing', interpreted",
    "OpenJDK 64-Bit Server VM, 25+37, 'mixed mode, emulated-client', emulated-client",
    "OpenJDK 64-Bit Server VM, 25+37-jvmci-b01, 'mixed mode, sharing', jvmci",
  })
  void withoutTheCompilerThatMakesVectorsThatIsSaid(
      String name, String version, String info, String named) {
    KernelChoice choice = KernelChoice.decide("auto", new JavaRuntime(name, version, info, true));
    assertEquals(Kind.PLAIN, choice.kind());
    assertTrue(choice.reason().contains(named), choice.reason());
    assertNull(choice.warning());
  }

  @Test
  void thisJvmIsAskedInTheRightPlaces() {
    JavaRuntime here = JavaRuntime.current(true);
    assertEquals(
        "loops that C2 makes vectors of",
        KernelChoice.decide("auto", here).reason(),
        here.toString());
  }
}
