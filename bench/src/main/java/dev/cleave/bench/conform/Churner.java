package dev.cleave.bench.conform;

import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Splits a range and merges it again, over and over, while another thread does DMA to it. Nothing
 * is flushed meanwhile, so no table page is reused under the walker's feet.
 */
final class Churner {
  /** Batches of DMA in one operation. */
  static final int ROUNDS = 4;

  private static final int MOST_CHANGES = 400;
  private static final int MOST_LOG2 = 30;

  private final Op.Churn op;
  private final TestDomain domain;

  Churner(Op.Churn op, TestDomain domain) {
    this.op = op;
    this.domain = domain;
  }

  /** Changes the table as long as the DMA lasts; at least one change is done. */
  void during(Runnable dma) {
    FutureTask<Void> running = new FutureTask<>(dma, null);
    Thread thread = Thread.ofPlatform().name("DMA").start(running);
    try {
      int done = 0;
      do {
        domain.table().split(op.iova(), op.length(), op.largestLog2(), domain.gather());
        domain.table().merge(op.iova(), op.length(), MOST_LOG2, domain.gather());
        done += 2;
      } while (!running.isDone() && done < MOST_CHANGES);
    } catch (PageTableException e) {
      if (e.reason() != Reason.OUT_OF_TABLE_MEMORY) {
        throw e;
      }
    } finally {
      join(thread);
    }
    result(running);
  }

  private static void join(Thread thread) {
    boolean isInterrupted = false;
    while (thread.isAlive()) {
      try {
        thread.join();
      } catch (InterruptedException _) {
        isInterrupted = true;
      }
    }
    if (isInterrupted) {
      Thread.currentThread().interrupt();
    }
  }

  private static void result(FutureTask<Void> done) {
    try {
      done.get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException failure -> throw failure;
        case Error failure -> throw failure;
        default -> throw new IllegalStateException(e.getCause());
      }
    } catch (InterruptedException | CancellationException e) {
      throw new IllegalStateException(e);
    }
  }
}
