package dev.cleave.bench.jmh.rival;

/** Runs the contract. */
class HeapRadixTest extends RivalTableContract {
  @Override
  RivalTable create() {
    return new HeapRadix(LIMIT);
  }
}
