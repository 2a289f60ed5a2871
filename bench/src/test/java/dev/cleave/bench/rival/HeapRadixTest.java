package dev.cleave.bench.rival;

/** Runs the contract. */
class HeapRadixTest extends RivalTableContract {
  @Override
  RivalTable create() {
    return new HeapRadix(LIMIT);
  }
}
