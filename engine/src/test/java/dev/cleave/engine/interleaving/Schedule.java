package dev.cleave.engine.interleaving;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs the threads of a scenario one step at a time. Only the thread whose turn it is runs; at each
 * step it hands the turn to the thread that the {@link Explorer} names. A step is one access and
 * all that its thread does until its next one. A thread that waits for a lock has no turn until the
 * lock is free; one that pauses has none until another thread has written something that it read
 * since it began or paused before.
 */
public final class Schedule {
  static final int NOBODY = -1;

  /** What an access does. */
  enum Kind {
    READ(0),
    WRITE(1),
    LOCK(2),
    UNLOCK(3),
    PAUSE(4),
    START(5);

    /** Less than 8. */
    final int code;

    Kind(int code) {
      this.code = code;
    }

    static Kind of(int code) {
      for (Kind kind : values()) {
        if (kind.code == code) {
          return kind;
        }
      }
      throw new IllegalArgumentException("no kind has code " + code);
    }
  }

  /** Ends a thread that is not needed any more. */
  private static final class Abandoned extends Error {
    private static final long serialVersionUID = 1;

    Abandoned() {
      super("this schedule was seen", null, false, false);
    }
  }

  private final Explorer explorer;
  private final int threads;
  private final Thread[] workers;
  private final Kind[] pending;
  private final int[] pendingName;
  private final boolean[] isFinished;
  private final boolean[] isLocked = new boolean[ScheduledPages.NAMES];

  /** When a thread last read something: to be compared with its {@link #attempt}. */
  private final int[][] read;

  private final int[] attempt;
  private final boolean[] isStale;
  private int attempts;

  private LongSupplier top = () -> 0;
  private long topSeen;
  private boolean isRunning;
  private boolean isAborting;
  private @Nullable Throwable failure;
  private volatile int turn = NOBODY;
  private volatile boolean isDone;

  /** Who runs it. */
  private Thread waiting = Thread.currentThread();

  Schedule(Explorer explorer, int threads) {
    this.explorer = explorer;
    this.threads = threads;
    this.workers = new Thread[threads];
    this.pending = new Kind[threads];
    this.pendingName = new int[threads];
    this.isFinished = new boolean[threads];
    this.read = new int[threads][ScheduledPages.NAMES];
    this.attempt = new int[threads];
    this.isStale = new boolean[threads];
  }

  // ---- a run ---------------------------------------------------------------------------------

  /** Runs to the end; returns what went wrong, or null. */
  @Nullable Throwable run(List<Runnable> bodies, LongSupplier rootAndLevels) {
    top = rootAndLevels;
    topSeen = top.getAsLong();
    Arrays.fill(pending, Kind.START);
    Arrays.fill(isFinished, false);
    Arrays.fill(isStale, false);
    for (int thread = 0; thread < threads; thread++) {
      int me = thread;
      attempt[me] = ++attempts;
      workers[me] = Thread.ofVirtual().unstarted(() -> work(me, bodies.get(me)));
    }
    failure = null;
    isAborting = false;
    isDone = false;
    isRunning = true;
    waiting = Thread.currentThread();
    for (Thread worker : workers) {
      worker.start();
    }
    giveTurn(next());
    while (!isDone) {
      LockSupport.park(this);
    }
    isRunning = false;
    return failure;
  }

  private void work(int me, Runnable body) {
    awaitTurn(me);
    try {
      if (!isAborting) {
        body.run();
      }
    } catch (Abandoned e) {
      // wanted
    } catch (Throwable e) {
      fail(e);
    }
    isFinished[me] = true;
    if (!isAborting) {
      endStep(me);
    }
    giveTurn(isAborting ? firstUnfinished() : next());
  }

  private void fail(Throwable e) {
    if (failure == null) {
      failure = e;
    }
    abort();
  }

  private void abort() {
    isAborting = true;
  }

  /** Whose turn it is; whoever it is that ends the run is named by the explorer. */
  private int next() {
    int enabled = 0;
    boolean isOver = true;
    for (int thread = 0; thread < threads; thread++) {
      isOver &= isFinished[thread];
      enabled |= isEnabled(thread) ? 1 << thread : 0;
    }
    if (isOver) {
      return NOBODY;
    }
    if (enabled == 0) {
      fail(new AssertionError("all threads wait: " + waits()));
      return firstUnfinished();
    }
    int chosen = explorer.choose(enabled, turn);
    if (chosen == NOBODY) {
      abort();
      return firstUnfinished();
    }
    return chosen;
  }

  private String waits() {
    StringBuilder text = new StringBuilder();
    for (int thread = 0; thread < threads; thread++) {
      if (!isFinished[thread]) {
        String what = pending[thread] == Kind.PAUSE ? "" : ScheduledPages.name(pendingName[thread]);
        text.append("%c at %s %s; ".formatted('A' + thread, pending[thread], what));
      }
    }
    return text.toString();
  }

  private boolean isEnabled(int thread) {
    return !isFinished[thread]
        && switch (pending[thread]) {
          case LOCK -> !isLocked[pendingName[thread]];
          case PAUSE -> isStale[thread];
          default -> true;
        };
  }

  private int firstUnfinished() {
    for (int thread = 0; thread < threads; thread++) {
      if (!isFinished[thread]) {
        return thread;
      }
    }
    return NOBODY;
  }

  private void giveTurn(int to) {
    turn = to;
    if (to == NOBODY) {
      isDone = true;
      LockSupport.unpark(waiting);
    } else {
      LockSupport.unpark(workers[to]);
    }
  }

  private void awaitTurn(int me) {
    while (turn != me) {
      LockSupport.park(this);
    }
  }

  // ---- steps ---------------------------------------------------------------------------------

  /** Waits for the turn to do an access. */
  void step(int name, Kind kind) {
    if (!isRunning || isAborting) {
      return;
    }
    int me = turn;
    endStep(me);
    pending[me] = kind;
    pendingName[me] = name;
    int next = next();
    if (next != me) {
      giveTurn(next);
      awaitTurn(me);
    }
    if (isAborting) {
      throw new Abandoned();
    }
    if (kind == Kind.PAUSE) {
      resume(me);
    } else {
      touch(name, kind);
    }
  }

  /** Going on depends on all that was read. */
  private void resume(int me) {
    for (int name = 0; name < ScheduledPages.NAMES; name++) {
      if (read[me][name] == attempt[me]) {
        explorer.touch(name, Kind.READ);
      }
    }
    isStale[me] = false;
    attempt[me] = ++attempts;
  }

  void pause() {
    if (isAborting) {
      throw new Abandoned();
    }
    step(0, Kind.PAUSE);
  }

  /** Adds another access to the step under way. */
  void touch(int name, Kind kind) {
    if (!isRunning || isAborting) {
      return;
    }
    int me = turn;
    explorer.touch(name, kind);
    if (kind == Kind.READ) {
      read[me][name] = attempt[me];
    } else if (kind == Kind.WRITE) {
      for (int other = 0; other < threads; other++) {
        isStale[other] |= other != me && read[other][name] == attempt[other];
      }
    }
  }

  void locked(int name, boolean value) {
    isLocked[name] = value;
  }

  private void endStep(int me) {
    long now = top.getAsLong();
    boolean isTopNew = now != topSeen;
    topSeen = now;
    if (isTopNew) {
      for (int other = 0; other < threads; other++) {
        isStale[other] |= other != me;
      }
    }
    explorer.endStep(me, isTopNew);
  }
}
