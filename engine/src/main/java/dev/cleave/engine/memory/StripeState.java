package dev.cleave.engine.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** What a {@link PageStripe} does, without the cache line behind it. */
abstract sealed class StripeState extends CacheLine permits PageStripe {
  private static final int NONE = -1;

  private static final VarHandle BUSY;
  private static final VarHandle USED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      BUSY = lookup.findVarHandle(StripeState.class, "busy", boolean.class);
      USED = lookup.findVarHandle(StripeState.class, "used", long.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  @SuppressWarnings("unused") // by the handle
  private boolean busy;

  /** Free pages: the top of a stack, linked by their records. */
  int top = NONE;

  int pages;

  /** Pages that may be promised. */
  long credit;

  /** Pages handed out, less those put back, here. */
  @SuppressWarnings("unused") // by the handle
  private long used;

  boolean tryEnter() {
    return !(boolean) BUSY.getOpaque(this) && BUSY.compareAndSet(this, false, true);
  }

  void leave() {
    BUSY.setRelease(this, false);
  }

  /** Only by who has entered. */
  void addUsed(long change) {
    USED.setOpaque(this, used() + change);
  }

  long used() {
    return (long) USED.getOpaque(this);
  }
}
