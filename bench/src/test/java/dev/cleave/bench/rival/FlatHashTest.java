package dev.cleave.bench.rival;

/** Runs the contract. */
class FlatHashTest extends RivalTableContract {
  @Override
  RivalTable create() {
    return new FlatHash();
  }
}
