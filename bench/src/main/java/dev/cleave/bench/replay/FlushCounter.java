package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.machine.FlushBlocks;
import dev.cleave.engine.IotlbGather;

/**
 * Counts the flush commands that a table's gathers take, one for each aligned block, and how often
 * their completion is waited for.
 */
public final class FlushCounter {
  private final IotlbGather.BlockVisitor counter = this::count;
  private boolean isOfPages;
  private long commands;
  private long bytes;
  private long waits;

  FlushCounter() {}

  /**
   * Says whether what follows are single pages whose tables are counted as kept: then a command
   * names the page alone, although this engine's has to name what the table translated.
   */
  void setOfPages(boolean areAll) {
    isOfPages = areAll;
  }

  /**
   * A gather is flushed.
   *
   * @param mostCommands as {@link FlushBlocks} takes it
   */
  void add(IotlbGather gather, int mostCommands) {
    waits++;
    FlushBlocks.forEach(gather, mostCommands, counter);
  }

  private void count(long iova, int sizeLog2) {
    commands++;
    if (isOfPages) {
      bytes += PAGE_BYTES;
    } else {
      bytes += sizeLog2 < Long.SIZE ? 1L << sizeLog2 : 0;
    }
  }

  /** Commands so far. */
  public long commands() {
    return commands;
  }

  /** Bytes that they named. */
  public long bytes() {
    return bytes;
  }

  /** Times that the completion of some of them was waited for. */
  public long waits() {
    return waits;
  }
}
