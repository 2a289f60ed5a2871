package dev.cleave.bench.replay;

import dev.cleave.engine.IotlbGather;

/** Counts the flush commands that a table's gathers take, one for each aligned block. */
public final class FlushCounter {
  private final IotlbGather.BlockVisitor counter = this::count;
  private long commands;
  private long bytes;

  FlushCounter() {}

  void add(IotlbGather gather) {
    gather.forEachBlock(counter);
  }

  private void count(long iova, int sizeLog2) {
    commands++;
    bytes += sizeLog2 < Long.SIZE ? 1L << sizeLog2 : 0;
  }

  /** Commands so far. */
  public long commands() {
    return commands;
  }

  /** Bytes that they named. */
  public long bytes() {
    return bytes;
  }
}
