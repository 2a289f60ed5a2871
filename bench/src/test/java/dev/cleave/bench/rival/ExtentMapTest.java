package dev.cleave.bench.rival;

/** Runs the contract. */
class ExtentMapTest extends RivalTableContract {
  @Override
  RivalTable create() {
    return new ExtentMap();
  }
}
