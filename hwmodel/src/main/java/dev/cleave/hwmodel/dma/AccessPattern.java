package dev.cleave.hwmodel.dma;

/**
 * The order in which a device touches memory. Endless, deterministic for a seed, and free of
 * allocation; for one thread.
 */
public interface AccessPattern {
  /**
   * Says what comes next.
   *
   * @param transfer what to fill
   */
  void next(Transfer transfer);
}
