package dev.cleave.engine.ioas;

import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * Who changes a space at the moment: operations whose iovas overlap go one after the other, in the
 * order in which they came; all others go side by side. One for all iovas has the space alone.
 *
 * <p>Belongs to who holds the space's lock, but for {@link #end}. Nothing is allocated, but when
 * more operations are under way at once than ever before.
 */
final class Operations {
  private static final int FEW = 4;

  /**
   * Looks before the first pause, and the longest pause. Mostly who waits is told before that is
   * over; who ends an operation does not make sure of it, which would cost a fence each time.
   */
  private static final int SPINS = 100;

  private static final long LONGEST_PAUSE_NANOS = 500_000;

  private final SpaceLock lock;
  private final AttachedTables tables;

  /** All that were ever made, by their numbers. */
  private Operation[] all = {};

  /** Numbers of those under way, in order of arrival. */
  private int[] running = new int[FEW];

  private int count;

  /**
   * Who is the only one of them, and has begun by {@link #enterAlone}: as long as nobody else comes
   * it stays where it is when it is over, and need not be counted again.
   */
  private @Nullable Operation alone;

  private int[] spare = new int[FEW];
  private int spares;

  /** Threads that wait; read without the lock. */
  private volatile int waiting;

  Operations(SpaceLock lock, AttachedTables tables) {
    this.lock = lock;
    this.tables = tables;
  }

  /** Something to begin an operation with. */
  Operation take() {
    sweep();
    return spares == 0 ? make() : all[spare[--spares]];
  }

  /** How many were ever made. */
  int made() {
    return all.length;
  }

  private Operation make() {
    int number = all.length;
    Operation operation = new Operation(number);
    all = Arrays.copyOf(all, number + 1);
    all[number] = operation;
    if (number == spare.length) {
      spare = Arrays.copyOf(spare, 2 * number);
      running = Arrays.copyOf(running, 2 * number);
    }
    return operation;
  }

  void discard(Operation operation) {
    operation.pieces.clear();
    spare[spares++] = operation.number;
  }

  /**
   * Whether nothing is under way: who holds the lock may do anything then, until it is given up.
   */
  boolean areNone() {
    Operation only = alone;
    return only != null ? only.isOver() : areSwept();
  }

  private boolean areSwept() {
    sweep();
    return count == 0;
  }

  /** Whether one operation alone is under way. */
  boolean areOne() {
    return count == 1;
  }

  /** Takes out what is over. */
  private void sweep() {
    if (count == 0) {
      return;
    }
    for (int i = count - 1; i >= 0; i--) {
      Operation operation = all[running[i]];
      if (operation.isOver()) {
        operation.beginAnew();
        remove(i);
        discard(operation);
      }
    }
  }

  private void remove(int index) {
    alone = null;
    count--;
    for (int i = index; i < count; i++) {
      running[i] = running[i + 1];
    }
  }

  /** Takes a range while {@link #areNone} is so. */
  Operation enterAlone(long first, long last) {
    Operation operation = alone;
    if (operation == null) {
      operation = take();
      var _ = enter(operation, first, last);
      alone = operation;
      return operation;
    }
    operation.beginAnew();
    operation.first = first;
    operation.last = last;
    operation.equip(tables);
    return operation;
  }

  /**
   * Waits until nobody who came before has any of a range, and takes it.
   *
   * @return whether there was somebody to wait for, so that what was known may have changed
   */
  boolean enter(Operation operation, long first, long last) {
    operation.first = first;
    operation.last = last;
    alone = null;
    running[count++] = operation.number;
    boolean mustWait = count > 1 && mustWait(operation);
    if (mustWait) {
      await(operation);
    }
    operation.equip(tables);
    return mustWait;
  }

  private void await(Operation operation) {
    boolean wasInterrupted = false;
    operation.waiter = Thread.currentThread();
    countWaiting(1);
    for (int looks = 0; mustWait(operation); looks++) {
      lock.unlock();
      if (looks < SPINS) {
        Thread.onSpinWait();
      } else {
        LockSupport.parkNanos(this, LONGEST_PAUSE_NANOS);
        wasInterrupted |= Thread.interrupted();
      }
      lock.lock();
    }
    countWaiting(-1);
    operation.waiter = null;
    if (wasInterrupted) {
      Thread.currentThread().interrupt();
    }
  }

  @SuppressWarnings("NonAtomicVolatileUpdate") // all who write it hold the lock
  private void countWaiting(int change) {
    waiting += change;
  }

  private boolean mustWait(Operation operation) {
    for (int i = 0; running[i] != operation.number; i++) {
      Operation earlier = all[running[i]];
      if (!earlier.isOver() && earlier.overlaps(operation.first, operation.last)) {
        return true;
      }
    }
    return false;
  }

  private void wakeWaiting() {
    for (int i = 0; i < count; i++) {
      LockSupport.unpark(all[running[i]].waiter);
    }
  }

  /** Ends an operation that has entered, and keeps it for the next. */
  void leave(Operation operation) {
    leaveRange(operation);
    discard(operation);
  }

  /** Gives the range up; the operation may enter another. */
  void leaveRange(Operation operation) {
    int at = 0;
    while (running[at] != operation.number) {
      at++;
    }
    remove(at);
    if (waiting > 0) {
      wakeWaiting();
    }
  }

  /** Ends an operation that has entered, for who does not hold the lock. */
  void end(Operation operation) {
    operation.setOver();
    if (waiting > 0) {
      lock.lock();
      try {
        wakeWaiting();
      } finally {
        lock.unlock();
      }
    }
  }
}
