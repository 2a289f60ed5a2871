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
      new JavaRuntime(25, "OpenJDK 64-Bit Server VM", "25.0.3+9-LTS", "mixed mode, sharing", true);
  private static final JavaRuntime WITHOUT_MODULE =
      new JavaRuntime(25, C2.vmName(), C2.vmVersion(), C2.vmInfo(), false);

  @Test
  void vectorsAreWarmedWhereEverythingIsThere() {
    assertEquals(Kind.WARMING, KernelChoice.decide("auto", C2).kind());
    assertNull(KernelChoice.decide("auto", C2).warning());
  }

  @Test
  void aMissingModuleIsAReasonAndNothingToWarnOf() {
    KernelChoice choice = KernelChoice.decide("auto", WITHOUT_MODULE);
    assertEquals(Kind.PLAIN, choice.kind());
    assertNull(choice.warning());
    assertEquals(
        "kernels: plain; without --add-modules=jdk.incubator.vector there is no Vector API",
        choice.line());
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
    assertEquals(Kind.WARMING, choice.kind());
    assertEquals(
        "cleave.kernels must be auto, plain or vector, cleave.kernels=fast: auto it is",
        choice.warning());
  }

  @ParameterizedTest
  @CsvSource({
    "26, OpenJDK 64-Bit Server VM, 26+1, 'mixed mode, sharing', this is 26",
    "25, Eclipse OpenJ9 VM, v0.50, JRE 25, OpenJ9",
    "25, OpenJDK 64-Bit Server VM, 25+37, 'interpreted mode, sharing', interpreted",
    "25, OpenJDK 64-Bit Server VM, 25+37, 'mixed mode, emulated-client', emulated-client",
    "25, OpenJDK 64-Bit Server VM, 25+37-jvmci-b01, 'mixed mode, sharing', jvmci",
  })
  void withoutTheCompilerThatVectorsNeedThereIsNoUseInThem(
      int feature, String name, String version, String info, String named) {
    KernelChoice choice =
        KernelChoice.decide("auto", new JavaRuntime(feature, name, version, info, true));
    assertEquals(Kind.PLAIN, choice.kind());
    assertTrue(choice.reason().contains(named), choice.reason());
    assertNull(choice.warning());
  }

  @Test
  void thisJvmIsAskedInTheRightPlaces() {
    JavaRuntime here = JavaRuntime.current(true);
    assertEquals(Kind.WARMING, KernelChoice.decide("auto", here).kind(), here.toString());
  }
}
