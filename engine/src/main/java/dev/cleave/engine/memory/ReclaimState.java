package dev.cleave.engine.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** What a {@link ReclaimCount} does, without the cache line behind it. */
abstract sealed class ReclaimState extends CacheLine permits ReclaimCount {
  private static final VarHandle COUNT;

  static {
    try {
      COUNT = MethodHandles.lookup().findVarHandle(ReclaimState.class, "count", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final long MARK = 1;

  @SuppressWarnings("unused") // by the handle
  private long count;

  /** The count, marked. */
  long look() {
    long now = (long) COUNT.getAcquire(this);
    return (now & MARK) != 0 ? now : mark();
  }

  private long mark() {
    long before = (long) COUNT.getAndBitwiseOr(this, MARK);
    VarHandle.fullFence();
    return before | MARK;
  }

  /** Whether the count is what a reader has taken, as seen after all its loads. */
  boolean isStill(long taken) {
    VarHandle.loadLoadFence();
    return (long) COUNT.getAcquire(this) == taken;
  }

  /** To be called when pages can be reached no more, before they are reused. */
  void move() {
    if (!tryMove()) {
      VarHandle.fullFence();
      var _ = tryMove(); // who fails now has seen another move, which comes late enough
    }
  }

  private boolean tryMove() {
    long now = (long) COUNT.getOpaque(this);
    return (now & MARK) != 0 && COUNT.compareAndSet(this, now, now + MARK);
  }
}
