package dev.cleave.bench.stability;

/** Something that is done again and again. */
abstract class Work {
  private final String name;

  Work(String name) {
    this.name = name;
  }

  /** What it is called: the same in every JVM. */
  final String name() {
    return name;
  }

  /**
   * Does it. Each kind of work has a loop of its own, so that none shares what the compiler learns
   * of the loop with another.
   *
   * @return something that depends on all that was done
   */
  abstract long run(int times);
}
