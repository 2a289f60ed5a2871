package dev.cleave.engine.ioas;

import java.util.Arrays;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
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

  private final ReentrantLock lock;
  private final Condition someLeft;
  private final AttachedTables tables;

  /** In order of arrival. */
  private @Nullable Operation[] running = new Operation[FEW];

  private int count;
  private @Nullable Operation[] spare = new Operation[FEW];
  private int spares;

  /** Threads that wait; read without the lock. */
  private volatile int waiting;

  Operations(ReentrantLock lock, AttachedTables tables) {
    this.lock = lock;
    this.someLeft = lock.newCondition();
    this.tables = tables;
  }

  /** Something to begin an operation with. */
  Operation take() {
    sweep();
    if (spares == 0) {
      return new Operation();
    }
    Operation operation = spare[--spares];
    spare[spares] = null;
    assert operation != null;
    return operation;
  }

  void discard(Operation operation) {
    operation.pieces.clear();
    if (spares == spare.length) {
      spare = Arrays.copyOf(spare, 2 * spares);
    }
    spare[spares++] = operation;
  }

  /**
   * Whether nothing is under way: who holds the lock may do anything then, until it is given up.
   */
  boolean areNone() {
    sweep();
    return count == 0;
  }

  /** Whether one operation alone is under way. */
  boolean areOne() {
    return count == 1;
  }

  /** Takes out what is over. */
  private void sweep() {
    for (int i = count - 1; i >= 0; i--) {
      Operation operation = running[i];
      if (operation != null && operation.isOver) {
        operation.isOver = false;
        remove(i);
        discard(operation);
      }
    }
  }

  private void remove(int index) {
    count--;
    System.arraycopy(running, index + 1, running, index, count - index);
    running[count] = null;
  }

  /**
   * Waits until nobody who came before has any of a range, and takes it.
   *
   * @return whether there was somebody to wait for, so that what was known may have changed
   */
  boolean enter(Operation operation, long first, long last) {
    operation.first = first;
    operation.last = last;
    if (count == running.length) {
      running = Arrays.copyOf(running, 2 * count);
    }
    running[count++] = operation;
    boolean mustWait = count > 1 && mustWait(operation);
    if (mustWait) {
      await(operation);
    }
    operation.equip(tables);
    return mustWait;
  }

  /** Says that it waits before it looks again: who ends an operation does the same in turn. */
  @SuppressWarnings("NonAtomicVolatileUpdate") // all who write it hold the lock
  private void await(Operation operation) {
    waiting++;
    try {
      while (mustWait(operation)) {
        someLeft.awaitUninterruptibly();
      }
    } finally {
      waiting--;
    }
  }

  private boolean mustWait(Operation operation) {
    for (int i = 0; running[i] != operation; i++) {
      Operation earlier = running[i];
      assert earlier != null;
      if (!earlier.isOver && earlier.overlaps(operation.first, operation.last)) {
        return true;
      }
    }
    return false;
  }

  /** Ends an operation that has entered, and keeps it for the next. */
  void leave(Operation operation) {
    leaveRange(operation);
    discard(operation);
  }

  /** Gives the range up; the operation may enter another. */
  void leaveRange(Operation operation) {
    int at = 0;
    while (running[at] != operation) {
      at++;
    }
    remove(at);
    if (waiting > 0) {
      someLeft.signalAll();
    }
  }

  /** Ends an operation that has entered, for who does not hold the lock. */
  void end(Operation operation) {
    operation.isOver = true;
    if (waiting > 0) {
      lock.lock();
      try {
        someLeft.signalAll();
      } finally {
        lock.unlock();
      }
    }
  }
}
