package dev.cleave.engine.interleaving;

import dev.cleave.engine.interleaving.Schedule.Kind;
import java.util.Arrays;
import java.util.Locale;

/** Which steps of a run happened before which, by vector clocks, and which race. */
final class Happened {
  /** The access that changes the top; every step reads it. */
  static final int TOP = -1;

  private static final int NONE = -1;

  /** Told of a step that could have come before an earlier one. */
  interface Races {
    /**
     * A race.
     *
     * @param earlier the earlier step
     * @param initials threads one of which must go first, instead, for the later step to come first
     * @param thread whose the later step is
     */
    void race(int earlier, int initials, int thread);
  }

  private final int threads;
  private final Races races;

  /** By name of what is accessed. */
  private final int[] lastWrite = new int[ScheduledPages.NAMES];

  private final int[][] lastRead;
  private final int[] run = new int[ScheduledPages.NAMES];
  private int runs;

  private int lastTop;
  private final int[] lastStep;

  /** By step. */
  private int[][] clocks = new int[1024][];

  private int[] doer = new int[1024];

  /** Earlier steps that the step under way races with. */
  private int[] raced = new int[64];

  private int raceCount;

  /** By thread. */
  private final int[][] clock;

  Happened(int threads, Races races) {
    this.threads = threads;
    this.races = races;
    this.lastRead = new int[threads][ScheduledPages.NAMES];
    this.lastStep = new int[threads];
    this.clock = new int[threads][threads];
    clear();
  }

  void clear() {
    runs++;
    lastTop = NONE;
    Arrays.fill(lastStep, NONE);
    for (int[] one : clock) {
      Arrays.fill(one, NONE);
    }
  }

  static int access(int name, Kind kind) {
    return name << 3 | kind.code;
  }

  private static Kind kind(int access) {
    return Kind.of(access & 7);
  }

  private static int name(int access) {
    return access >>> 3;
  }

  static String describe(int access) {
    return access == TOP
        ? "new top"
        : kind(access).name().toLowerCase(Locale.ROOT) + " " + ScheduledPages.name(name(access));
  }

  /** Whether the order of two steps matters. */
  static boolean depend(int[] one, int[] other) {
    for (int a : one) {
      for (int b : other) {
        if (a == TOP
            || b == TOP
            || (name(a) == name(b) && (kind(a) != Kind.READ || kind(b) != Kind.READ))) {
          return true;
        }
      }
    }
    return changesTop(one) || changesTop(other);
  }

  private static boolean changesTop(int[] print) {
    return print.length > 0 && print[print.length - 1] == TOP;
  }

  /** Enters a step. */
  void step(int step, int thread, int[] print) {
    int[] before = clock[thread];
    int[] now = before.clone();
    boolean isTop = changesTop(print);
    if (lastTop != NONE) {
      meet(lastTop, thread, before, now, true);
    }
    for (int other = 0; isTop && other < threads; other++) {
      meet(lastStep[other], thread, before, now, true);
    }
    for (int access : print) {
      if (access != TOP) {
        enter(step, thread, access, before, now);
      }
    }
    now[thread] = step;
    if (step >= clocks.length) {
      clocks = Arrays.copyOf(clocks, 2 * step);
      doer = Arrays.copyOf(doer, 2 * step);
    }
    clocks[step] = now;
    doer[step] = thread;
    clock[thread] = now;
    lastStep[thread] = step;
    lastTop = isTop ? step : lastTop;
    for (int i = 0; i < raceCount; i++) {
      races.race(raced[i], initials(raced[i], step), thread);
    }
    raceCount = 0;
  }

  /**
   * The threads that can begin what leads to a step without an earlier one: the steps in between
   * that did not come after the earlier one, and the step itself.
   */
  private int initials(int earlier, int step) {
    int[] first = new int[threads];
    Arrays.fill(first, Integer.MAX_VALUE);
    int initials = 0;
    for (int i = earlier + 1; i <= step; i++) {
      int thread = doer[i];
      boolean isAfter = clocks[i][doer[earlier]] >= earlier;
      if ((isAfter && i != step) || first[thread] != Integer.MAX_VALUE) {
        continue;
      }
      first[thread] = i;
      boolean isFirst = true;
      for (int other = 0; other < threads; other++) {
        isFirst &= other == thread || clocks[i][other] < first[other];
      }
      initials |= isFirst ? 1 << thread : 0;
    }
    return initials;
  }

  private void enter(int step, int thread, int access, int[] before, int[] now) {
    int name = name(access);
    if (run[name] != runs) {
      run[name] = runs;
      lastWrite[name] = NONE;
      for (int[] reads : lastRead) {
        reads[name] = NONE;
      }
    }
    switch (kind(access)) {
      case READ -> {
        meet(lastWrite[name], thread, before, now, true);
        lastRead[thread][name] = step;
      }
      case WRITE -> {
        meet(lastWrite[name], thread, before, now, true);
        meetReads(name, thread, before, now);
        lastWrite[name] = step;
      }
      case LOCK -> {
        // Whoever released it was not to be overtaken; whoever locked it before was.
        meet(lastWrite[name], thread, before, now, false);
        meetReads(name, thread, before, now);
        lastRead[thread][name] = step;
        lastWrite[name] = step;
      }
      case UNLOCK -> {
        meet(lastWrite[name], thread, before, now, false);
        lastWrite[name] = step;
      }
      default -> throw new IllegalStateException("not an access");
    }
  }

  private void meetReads(int name, int thread, int[] before, int[] now) {
    for (int other = 0; other < threads; other++) {
      meet(lastRead[other][name], thread, before, now, true);
    }
  }

  /** A step depends on an earlier one: it races with it, unless it must come after. */
  private void meet(int earlier, int thread, int[] before, int[] now, boolean canRace) {
    if (earlier == NONE || doer[earlier] == thread) {
      return;
    }
    if (canRace && before[doer[earlier]] < earlier) {
      if (raceCount == raced.length) {
        raced = Arrays.copyOf(raced, 2 * raceCount);
      }
      raced[raceCount++] = earlier;
    }
    int[] then = clocks[earlier];
    for (int other = 0; other < threads; other++) {
      now[other] = Math.max(now[other], then[other]);
    }
  }
}
