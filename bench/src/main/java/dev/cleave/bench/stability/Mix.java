package dev.cleave.bench.stability;

/** Which formats a JVM sees. */
enum Mix {
  /** AMD v1 and nothing else. */
  V1,
  /** x86-64 and nothing else. */
  X86,
  /** Both, in turn. */
  BOTH;

  boolean hasV1() {
    return this != X86;
  }

  boolean hasX86() {
    return this != V1;
  }
}
