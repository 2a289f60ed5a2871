package dev.cleave.bench.torture;

import dev.cleave.engine.IotlbGather;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The command queue of the hardware and who waits for it: takes debts from all writers, issues
 * their flushes in that order, and completes the gathers in any.
 *
 * <p>Pages are said to have changed only when all flushes of earlier operations have completed too.
 * An operation that has not handed its debt over yet may be an earlier one; so what was flushed
 * waits until every writer has been seen between two operations, and for another flush.
 */
@SuppressWarnings("ThreadPriorityCheck") // threads outnumber processors
final class Flusher implements Runnable {
  private final Queue<Debt> owed = new ConcurrentLinkedQueue<>();
  private final List<Debt> flushed = new ArrayList<>();
  private final List<Debt> batch = new ArrayList<>();
  private final Space space;
  private final List<Device> devices;
  private final Fault fault;
  private final Inspector inspector;
  private final Random random;
  private List<Writer> writers = List.of();
  private final int batchSize;
  private volatile boolean isLast;
  private long flushes;

  Flusher(
      Space space,
      List<Device> devices,
      Fault fault,
      Inspector inspector,
      int batchSize,
      long seed) {
    this.inspector = inspector;
    this.batchSize = batchSize;
    this.space = space;
    this.devices = devices;
    this.fault = fault;
    this.random = new Random(seed);
  }

  /** Tells it, before it runs, who is going to owe something. */
  void serve(List<Writer> all) {
    writers = all;
  }

  /** Debts that it waits for before it flushes; 0 if it flushes what there is. */
  int batchSize() {
    return batchSize;
  }

  void owe(Debt debt) {
    owed.add(debt);
  }

  /** Nothing more will be owed: it ends when all is flushed. */
  void finish() {
    isLast = true;
  }

  @Override
  public void run() {
    while (true) {
      boolean isEnding = isLast;
      writers.forEach(Writer::awaitPause);
      for (Debt debt = owed.poll(); debt != null; debt = owed.poll()) {
        batch.add(debt);
      }
      if (batch.size() < batchSize && !isEnding) {
        Thread.yield();
        continue;
      }
      if (batch.isEmpty() && flushed.isEmpty()) {
        if (isEnding) {
          return;
        }
        Thread.yield();
      }
      flushBatch();
      flushed.forEach(debt -> debt.end(space, devices));
      flushed.clear();
      flushed.addAll(batch);
      batch.clear();
    }
  }

  private void flushBatch() {
    if (fault == Fault.FREE_BEFORE_FLUSH) {
      batch.forEach(this::completeEarly);
    } else {
      for (Device device : devices) {
        device.beginInvalidation();
        batch.forEach(debt -> invalidate(device, debt));
        device.endInvalidation();
      }
      Collections.shuffle(batch, random);
      batch.forEach(this::complete);
    }
    flushes += batch.size();
  }

  private void complete(Debt debt) {
    debt.gather.complete();
    debt.completed(space);
    if (debt.isOfMergedRegion()) {
      inspector.inspectQuietly(debt.region(), devices); // before another write hides a loss
    }
  }

  private void invalidate(Device device, Debt debt) {
    IotlbGather gather = debt.gather;
    boolean isOfTables = gather.hasTables();
    if (fault == Fault.SHORT_FLUSH && debt.isOfSplit()) {
      for (int range = 0; range < gather.rangeCount(); range++) {
        device.invalidate(gather.rangeFirst(range), 12, isOfTables);
      }
    } else {
      gather.forEachBlock((iova, sizeLog2) -> device.invalidate(iova, sizeLog2, isOfTables));
    }
  }

  /** The wrong way round: what is owed is remembered, the pages go back, then it is flushed. */
  private void completeEarly(Debt debt) {
    List<long[]> blocks = new ArrayList<>();
    debt.gather.forEachBlock((iova, sizeLog2) -> blocks.add(new long[] {iova, sizeLog2}));
    boolean isOfTables = debt.gather.hasTables();
    complete(debt);
    Thread.yield();
    for (Device device : devices) {
      device.beginInvalidation();
      blocks.forEach(block -> device.invalidate(block[0], (int) block[1], isOfTables));
      device.endInvalidation();
    }
  }

  long flushes() {
    return flushes;
  }
}
