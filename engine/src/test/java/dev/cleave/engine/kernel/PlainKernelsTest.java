package dev.cleave.engine.kernel;

/** The contract, for the kernels that run everywhere. */
class PlainKernelsTest extends TableKernelsContract {
  @Override
  TableKernels kernels() {
    return new PlainKernels();
  }
}
