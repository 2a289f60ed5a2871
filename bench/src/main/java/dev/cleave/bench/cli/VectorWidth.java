package dev.cleave.bench.cli;

import jdk.incubator.vector.LongVector;

/** How wide this JVM's vectors are. */
final class VectorWidth {
  private VectorWidth() {}

  /** Bits of the preferred vector, 0 without the Vector API's module. */
  static int bits() {
    boolean isThere = ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
    return isThere ? LongVector.SPECIES_PREFERRED.vectorBitSize() : 0;
  }
}
