package dev.cleave.bench.stability;

import com.sun.management.OperatingSystemMXBean;
import com.sun.management.ThreadMXBean;
import dev.cleave.bench.processor.Chains;
import dev.cleave.bench.processor.CoreLook;
import dev.cleave.bench.processor.CoreWatch;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * One JVM: measures all works in an order of its own.
 *
 * <ol>
 *   <li>Each work is done a random number of times, from once to some thousand: what the compiler
 *       learns first of the code that they share.
 *   <li>All are done for a slice of time, in ever new orders, for half of the rounds, and on until
 *       other threads, which are the compilers, have had next to nothing to do for some, and
 *       nothing came to the heap: with all works at once, compilers have a backlog of seconds, and
 *       where the machine is loud, of more.
 *   <li>The same in the second half, which counts: the median of a work's slices, and what all
 *       threads put on the heap meanwhile.
 * </ol>
 *
 * <p>A slice is many batches, each of at least 0.1 ms, with a {@linkplain CoreLook look at the
 * core} before and after it. It counts with the batches beside which nobody else had a part of the
 * core, and of them with the quarter that took least: what neighbours of the machine take they take
 * for a while, and what the compiler made of a work is the same all the time. Where too few batches
 * are quiet a slice goes on, and where too few slices are there are more of them, up to twice as
 * long and twice as many. A work that lacks them still has the times of its loud slices, and says
 * so.
 *
 * <p>Times are in {@linkplain Chains chains} of additions, as long as one took beside the batch: a
 * core's pace changes by a tenth and more while nothing else does, and with it what core-bound work
 * takes, which all of this is.
 *
 * <p>The string literals of a class, which ours have for their exceptions, come to the heap when
 * HotSpot is first asked to compile one of its methods, in the thread that was about to call it,
 * and stay there. That is once for each class, some hundred bytes, and in a slice of any work; in
 * the JVM that was looked at nothing else came (Flight Recorder's {@code
 * jdk.ObjectAllocationOutsideTLAB}, without thread-local buffers). So one slice of each work may
 * have as much.
 */
public final class StabilityFork {
  /**
   * What stands between the core's look and its quickest pace in nanoseconds a chain; and between
   * the name, the chains, the bytes of a work, and whether it was quiet.
   */
  static final String SEPARATOR = "\t";

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final OperatingSystemMXBean SYSTEM =
      (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
  private static final int ROUNDS = 24;
  private static final int COUNTED = ROUNDS / 2;
  private static final int MOST_BEFORE = 2 * ROUNDS;

  /** Rounds that are looked at together: the clock of other threads has ticks of some 10 ms. */
  private static final int WATCHED = 4;

  /** The part of those that other threads work at most when they have next to nothing to do. */
  private static final double IDLE = 0.1;

  private static final int MOST_LOG2 = 12;
  private static final long LEAST_SLICE_NANOS = 1_000_000;
  private static final long LEAST_BATCH_NANOS = 100_000;
  private static final int MOST_IN_BATCH = 1 << 16;
  private static final int MOST_BATCHES = 1 << 12;

  /** How many quiet ones a slice needs to be quiet. */
  private static final int LEAST_QUIET = 8;

  /** How much longer a slice goes on, and how many more there are, where too little is quiet. */
  private static final int PATIENCE = 2;

  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  private final long sliceNanos;
  private final CoreWatch watch;
  private final double[] batches = new double[MOST_BATCHES];
  private final double[] quiet = new double[MOST_BATCHES];
  private long sum;

  StabilityFork(long sliceNanos, CoreWatch watch) {
    this.sliceNanos = Math.max(sliceNanos, LEAST_SLICE_NANOS);
    this.watch = watch;
  }

  /**
   * Prints what the core looked like on its own and its pace, and a line for each work.
   *
   * @param arguments seed of the orders, formats, seconds to take, and what other JVMs have seen
   *     the core look like on its own
   */
  public static void main(String[] arguments) {
    Random random = new Random(Long.parseLong(arguments[0]));
    Mix mix = Mix.valueOf(arguments[1]);
    double seconds = Double.parseDouble(arguments[2]);
    CoreWatch watch = new CoreWatch(CoreLook.of(arguments[3]));
    List<Work> works = new ArrayList<>(new KernelWorks().all());
    if (mix.hasV1()) {
      works.addAll(new TableWorks("v1", AmdV1.LINUX).all());
    }
    if (mix.hasX86()) {
      works.addAll(new TableWorks("x86", X86.LINUX).all());
    }
    long slice = (long) (seconds * NANOS_PER_SECOND / works.size() / ROUNDS);
    List<Measured> measured = new StabilityFork(slice, watch).measure(works, random);
    System.out.println(watch.own().text() + SEPARATOR + watch.leastChainNanos());
    for (Measured one : measured) {
      System.out.println(
          String.join(
              SEPARATOR,
              one.name(),
              Double.toString(one.chains()),
              Double.toString(one.bytes()),
              Boolean.toString(one.isQuiet())));
    }
  }

  List<Measured> measure(List<Work> works, Random random) {
    int most = COUNTED * PATIENCE;
    List<Measured> all =
        new ArrayList<>(works.stream().map(work -> new Measured(work, most)).toList());
    Collections.shuffle(all, random);
    for (Measured one : all) {
      sum += one.work.run(1 << random.nextInt(MOST_LOG2 + 1));
    }
    int before = 0;
    boolean isWarm = false;
    while (before < ROUNDS - COUNTED || (!isWarm && before < MOST_BEFORE)) {
      long begin = System.nanoTime();
      long others = othersNanos();
      long bytes = 0;
      for (int i = 0; i < WATCHED; i++) {
        bytes += round(all, random, false);
      }
      others = othersNanos() - others;
      isWarm = bytes == 0 && others <= IDLE * (System.nanoTime() - begin);
      before += WATCHED;
    }
    List<Measured> lacking = new ArrayList<>(all);
    for (int round = 0; round < most && !lacking.isEmpty(); round++) {
      var _ = round(lacking, random, true);
      if (round >= COUNTED - 1) {
        lacking.removeIf(Measured::isQuiet);
      }
    }
    if (sum == 0) {
      throw new IllegalStateException("nothing was done");
    }
    return all;
  }

  /**
   * How long the threads of this JVM have worked, but for the one that measures: compilers, above
   * all. What the JVM says of its compilations is of those that have come to an end.
   */
  private static long othersNanos() {
    return SYSTEM.getProcessCpuTime() - THREADS.getCurrentThreadCpuTime();
  }

  /**
   * A slice of each, in a new order.
   *
   * @return bytes that they put on the heap
   */
  private long round(List<Measured> all, Random random, boolean counts) {
    Collections.shuffle(all, random);
    long bytes = 0;
    for (Measured one : all) {
      bytes += slice(one, counts);
    }
    return bytes;
  }

  /**
   * A slice of time.
   *
   * @return bytes that it put on the heap
   */
  private long slice(Measured one, boolean counts) {
    long before = THREADS.getTotalThreadAllocatedBytes();
    long most = counts ? PATIENCE * sliceNanos : sliceNanos;
    long begin = System.nanoTime();
    long times = 0;
    int count = 0;
    int quietCount = 0;
    boolean wasQuiet = watch.isOwn();
    double chainBefore = watch.chainNanos();
    long took;
    do {
      long start = System.nanoTime();
      sum += one.work.run(one.batch);
      long nanos = System.nanoTime() - start;
      times += one.batch;
      boolean isQuiet = watch.isOwn();
      double chain = watch.chainNanos();
      batches[count++] =
          nanos / (one.batch * Math.min(chainBefore, chain)); // the other was delayed
      if (wasQuiet && isQuiet) {
        quiet[quietCount++] = batches[count - 1];
      }
      wasQuiet = isQuiet;
      chainBefore = chain;
      if (nanos < LEAST_BATCH_NANOS && one.batch < MOST_IN_BATCH) {
        one.batch *= 2;
      }
      took = System.nanoTime() - begin;
    } while (took < (quietCount < LEAST_QUIET ? most : sliceNanos) && count < MOST_BATCHES);
    long bytes = THREADS.getTotalThreadAllocatedBytes() - before;
    watch.learn();
    if (counts) {
      boolean isQuiet = quietCount >= LEAST_QUIET;
      double chains = isQuiet ? quarter(quiet, quietCount) : quarter(batches, count);
      one.add(chains, isQuiet, times, bytes);
    }
    return bytes;
  }

  /** What the quarter that took least took at most. It may make garbage. */
  private static double quarter(double[] batches, int count) {
    Arrays.sort(batches, 0, count);
    return batches[count / 4];
  }
}
