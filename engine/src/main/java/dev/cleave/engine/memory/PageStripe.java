package dev.cleave.engine.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/** What one thread at a time uses of a {@link PagePool}; as large as to share no cache line. */
final class PageStripe {
  private static final int NONE = -1;

  private static final VarHandle BUSY;
  private static final VarHandle USED;

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      BUSY = lookup.findVarHandle(PageStripe.class, "busy", boolean.class);
      USED = lookup.findVarHandle(PageStripe.class, "used", long.class);
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

  @SuppressWarnings("unused")
  private long pad0, pad1, pad2, pad3, pad4, pad5, pad6, pad7, pad8, pad9, pad10, pad11;

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
