package dev.cleave.bench.replay;

/** Which of the guest's pages devices use, as far as pages have states. */
enum DeviceUse {
  /** Whatever is mapped: the guest has a page reached in the way that its state asks for. */
  ALL,
  /** Shared pages alone. */
  SHARED
}
