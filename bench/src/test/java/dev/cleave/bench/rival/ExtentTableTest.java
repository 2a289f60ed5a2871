package dev.cleave.bench.rival;

/** Runs the contract. */
class ExtentTableTest extends RivalTableContract {
  @Override
  RivalTable create() {
    return new ExtentTable();
  }
}
