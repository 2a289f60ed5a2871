package dev.cleave.engine.kernel;

import java.lang.foreign.MemorySegment;

/**
 * The plain kernels first, the vector kernels as soon as C2 has compiled them.
 *
 * <ol>
 *   <li>Work is done by the plain kernels and counted.
 *   <li>After {@link #START_WORDS} a daemon thread runs the vector kernels over memory of its own,
 *       again and again, until they take less time than the plain ones over the same.
 *   <li>Then a flag is set, and every call goes to the vector kernels.
 * </ol>
 *
 * <p>The flag is a plain field: a thread may see it late and go on with the plain kernels, which do
 * the same. A caller that C2 compiled before has left the other branch out; its first call after
 * the change has it compiled anew, once. From then on the call costs a load and a branch.
 * Thread-safe.
 */
final class WarmingKernels implements TableKernels {
  /** Tables for 64 GiB of 4 KiB leaves: a program that gets so far runs for some time. */
  static final long START_WORDS = 1L << 24;

  /** Of fewer words vectors save a few nanoseconds, and counting them costs as much. */
  private static final int LEAST_WORDS = 16;

  /** A single round could be faster by chance. */
  private static final int ENOUGH_ROUNDS = 10;

  /** Where the vector kernels never become faster. On one core of two, C2 takes two seconds. */
  private static final long GIVE_UP_NANOS = 20_000_000_000L;

  private static final PlainKernels PLAIN = new PlainKernels();

  /** A class of its own, so that the Vector API is not even loaded before it is warmed. */
  private static final class Vector {
    static final VectorKernels KERNELS = new VectorKernels();
  }

  private enum State {
    COUNTING,
    WARMING,
    DONE
  }

  /**
   * Made beforehand, since an operation that happens to be the one to start it makes no garbage.
   */
  private final Thread warmer =
      Thread.ofPlatform()
          .daemon()
          .name("cleave-kernels")
          .inheritInheritableThreadLocals(false)
          .unstarted(new Warmer());

  private long words;
  private volatile State state = State.COUNTING;
  private boolean isWarm;

  /**
   * Counts work of the plain kernels, where vectors would help and as long as it matters: threads
   * that write one counter slow each other down. They may overwrite each other's counts.
   */
  private void note(int count) {
    if (count >= LEAST_WORDS && state == State.COUNTING) {
      words += count;
      if (words > START_WORDS) {
        start();
      }
    }
  }

  private synchronized void start() {
    if (state == State.COUNTING) {
      state = State.WARMING;
      warmer.start();
    }
  }

  boolean isStarted() {
    return state != State.COUNTING;
  }

  boolean isDone() {
    return state == State.DONE;
  }

  /** A class, since the first lambda of a JVM takes milliseconds. */
  private final class Warmer implements Runnable {
    @Override
    public void run() {
      if (Vector.KERNELS.isWideEnough()) {
        isWarm = runUntilFaster();
      }
      state = State.DONE;
    }
  }

  private boolean runUntilFaster() {
    long begin = System.nanoTime();
    long plain = Long.MAX_VALUE;
    int faster = 0;
    try (KernelExercise exercise = new KernelExercise()) {
      while (faster < ENOUGH_ROUNDS && System.nanoTime() - begin < GIVE_UP_NANOS) {
        plain = Math.min(plain, exercise.run(PLAIN));
        // Called from the same places on a third class, the kernels are compiled by themselves, as
        // those who call them next need them, and not into the exercise.
        exercise.run(this);
        faster = exercise.run(Vector.KERNELS) < plain ? faster + 1 : 0;
      }
    }
    return faster == ENOUGH_ROUNDS;
  }

  private static String whyNot() {
    return Vector.KERNELS.isWideEnough()
        ? "plain for good: vector was not faster within %d s"
            .formatted(GIVE_UP_NANOS / 1_000_000_000)
        : "plain for good: vectors of %d bits are slower".formatted(VectorKernels.bits());
  }

  /** How far it is, a phrase for a person. */
  String progress() {
    return switch (state) {
      case COUNTING ->
          !Vector.KERNELS.isWideEnough()
              ? whyNot()
              : "plain from the start, vector when C2 has compiled it: begins after %d words of work"
                  .formatted(START_WORDS);
      case WARMING -> "plain while C2 compiles the vector kernels";
      case DONE -> isWarm ? "vector, which C2 has compiled" : whyNot();
    };
  }

  @Override
  public void fill(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    if (isWarm) {
      Vector.KERNELS.fill(segment, offset, count, first, step, replicasLog2);
    } else {
      note(count);
      PLAIN.fill(segment, offset, count, first, step, replicasLog2);
    }
  }

  @Override
  public void replicate(MemorySegment segment, long offset, int count, long value) {
    if (isWarm) {
      Vector.KERNELS.replicate(segment, offset, count, value);
    } else {
      note(count);
      PLAIN.replicate(segment, offset, count, value);
    }
  }

  @Override
  public void zero(MemorySegment segment, long offset, int count) {
    if (isWarm) {
      Vector.KERNELS.zero(segment, offset, count);
    } else {
      note(count);
      PLAIN.zero(segment, offset, count);
    }
  }

  @Override
  public boolean anyHas(MemorySegment segment, long offset, int count, long mask) {
    if (isWarm) {
      return Vector.KERNELS.anyHas(segment, offset, count, mask);
    }
    note(count);
    return PLAIN.anyHas(segment, offset, count, mask);
  }

  @Override
  public int countAny(MemorySegment segment, long offset, int count, long mask) {
    if (isWarm) {
      return Vector.KERNELS.countAny(segment, offset, count, mask);
    }
    note(count);
    return PLAIN.countAny(segment, offset, count, mask);
  }

  @Override
  public long progressionBits(
      MemorySegment segment,
      long offset,
      int count,
      long first,
      long step,
      int replicasLog2,
      long ignored) {
    if (isWarm) {
      return Vector.KERNELS.progressionBits(
          segment, offset, count, first, step, replicasLog2, ignored);
    }
    note(count);
    return PLAIN.progressionBits(segment, offset, count, first, step, replicasLog2, ignored);
  }

  @Override
  public long or(MemorySegment segment, long offset, int count) {
    if (isWarm) {
      return Vector.KERNELS.or(segment, offset, count);
    }
    note(count);
    return PLAIN.or(segment, offset, count);
  }

  @Override
  public int gatherAny(
      MemorySegment segment,
      long offset,
      int count,
      long mask,
      MemorySegment bitmap,
      long firstBit) {
    if (isWarm) {
      return Vector.KERNELS.gatherAny(segment, offset, count, mask, bitmap, firstBit);
    }
    note(count);
    return PLAIN.gatherAny(segment, offset, count, mask, bitmap, firstBit);
  }

  @Override
  public long uniformRegions(
      MemorySegment bits, long offset, int regions, long whereSet, long whereClear) {
    if (isWarm) {
      return Vector.KERNELS.uniformRegions(bits, offset, regions, whereSet, whereClear);
    }
    note(regions * REGION_WORDS);
    return PLAIN.uniformRegions(bits, offset, regions, whereSet, whereClear);
  }

  @Override
  public String toString() {
    return Vector.KERNELS.isWideEnough() ? PLAIN + ", then " + Vector.KERNELS : PLAIN.toString();
  }
}
