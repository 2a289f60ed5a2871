package dev.cleave.engine.kernel;

import org.junit.jupiter.api.condition.EnabledIf;

/** The contract, for vectors of the width that this JVM has, where it has the Vector API. */
@EnabledIf("isThere")
class VectorKernelsTest extends TableKernelsContract {
  static boolean isThere() {
    return Kernels.vector().isPresent();
  }

  @Override
  TableKernels kernels() {
    return Kernels.vector().orElseThrow();
  }
}
