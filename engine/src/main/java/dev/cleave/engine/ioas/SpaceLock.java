package dev.cleave.engine.ioas;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * A lock that is held for moments, and mostly wanted by nobody else: one compare-and-set takes it,
 * and one plain store with release order gives it up. So nobody is told that it is free: who waits
 * looks again, at first at once, later after ever longer pauses.
 *
 * <p>It is not fair: an order of arrival is the business of who keeps one under it. It is not
 * reentrant.
 */
final class SpaceLock {
  private static final VarHandle HELD;

  static {
    try {
      HELD = MethodHandles.lookup().findVarHandle(SpaceLock.class, "held", int.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final int SPINS = 200;
  private static final long FIRST_PAUSE_NANOS = 1_000;
  private static final int LONGEST_PAUSE_LOG2 = 7;

  @SuppressWarnings("unused") // by the handle
  private int held;

  void lock() {
    if (!HELD.compareAndSet(this, 0, 1)) {
      await();
    }
  }

  void unlock() {
    assert isHeld();
    HELD.setRelease(this, 0);
  }

  private boolean isHeld() {
    return (int) HELD.getOpaque(this) != 0;
  }

  private void await() {
    for (int attempt = 0; isHeld() || !HELD.compareAndSet(this, 0, 1); attempt++) {
      if (attempt < SPINS) {
        Thread.onSpinWait();
      } else {
        int pauses = Math.min(attempt - SPINS, LONGEST_PAUSE_LOG2);
        LockSupport.parkNanos(this, FIRST_PAUSE_NANOS << pauses);
      }
    }
  }
}
