package dev.cleave.engine;

/** Who can flush the IOTLB: a hardware command queue, or a model of one. */
@FunctionalInterface
public interface IotlbFlush {
  /**
   * Flushes what a gather holds, and returns when that has completed. If it throws, the gather owes
   * what it owed, and whoever called it comes again with all of it.
   *
   * @param table whose translations changed
   * @param gather its ranges; the caller completes it afterwards
   */
  void flush(PageTable table, IotlbGather gather);
}
