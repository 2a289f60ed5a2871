package dev.cleave.bench.replay;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import org.jspecify.annotations.Nullable;

/** Counts the flush commands that a gather takes, one for each aligned block of its ranges. */
public final class FlushCounter implements IotlbFlush {
  private final SimulatedRmp rmp;
  private final @Nullable Hardware hardware;
  private final IotlbGather.BlockVisitor counter = this::count;
  private long commands;
  private long bytes;

  FlushCounter(SimulatedRmp rmp, @Nullable Hardware hardware) {
    this.rmp = rmp;
    this.hardware = hardware;
  }

  @Override
  public void flush(PageTable table, IotlbGather gather) {
    gather.forEachBlock(counter);
    rmp.look(); // what the IOTLB still holds
    if (hardware != null) {
      hardware.flush(table, gather);
    }
    rmp.look();
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
