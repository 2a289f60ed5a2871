package dev.cleave.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** All kernels must answer the same. */
@EnabledIf("dev.cleave.engine.kernel.VectorKernelsTest#isThere")
class KernelExerciseTest {
  @Test
  void plainAndVectorKernelsGiveTheSameAnswers() {
    try (KernelExercise plain = new KernelExercise();
        KernelExercise vector = new KernelExercise()) {
      plain.run(Kernels.plain());
      vector.run(Kernels.vector().orElseThrow());
      assertNotEquals(0, plain.sum());
      assertEquals(plain.sum(), vector.sum());
    }
  }
}
