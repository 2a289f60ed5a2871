package dev.cleave.bench.stability;

import static java.util.concurrent.TimeUnit.MILLISECONDS;

import com.sun.management.ThreadMXBean;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import java.lang.management.CompilationMXBean;
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
 *       the compiler has had next to nothing to do for one, and nothing came to the heap: with all
 *       works at once, it has a backlog of seconds, and where the machine is loud, of more.
 *   <li>The same in the second half, which counts: the median of a work's slices, and what all
 *       threads put on the heap meanwhile.
 * </ol>
 *
 * <p>A slice is many batches, each of at least 0.1 ms, and counts with the quarter of them that
 * took least: what neighbours of the machine take, they take in bursts of less than a slice, while
 * what the compiler made of a work is the same in all batches.
 *
 * <p>The string literals of a class, which ours have for their exceptions, come to the heap when
 * HotSpot is first asked to compile one of its methods, in the thread that was about to call it,
 * and stay there. That is once for each class, some hundred bytes, and in a slice of any work; in
 * the JVM that was looked at nothing else came (Flight Recorder's {@code
 * jdk.ObjectAllocationOutsideTLAB}, without thread-local buffers). So one slice of each work may
 * have as much.
 */
public final class StabilityFork {
  /** What stands between the name, the time and the bytes of a work. */
  static final String SEPARATOR = "\t";

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final CompilationMXBean COMPILER = ManagementFactory.getCompilationMXBean();
  private static final int ROUNDS = 24;
  private static final int COUNTED = ROUNDS / 2;
  private static final int MOST_BEFORE = 2 * ROUNDS;

  /** What string literals of a few classes take at most. */
  private static final long LITERAL_BYTES = 4096;

  /** The part of a round that the compiler has at most when it has next to nothing to do. */
  private static final double IDLE = 0.1;

  private static final int MOST_LOG2 = 12;
  private static final long LEAST_BATCH_NANOS = 100_000;
  private static final int MOST_IN_BATCH = 1 << 16;
  private static final int MOST_BATCHES = 1 << 12;

  private static final long NANOS_PER_SECOND = 1_000_000_000L;

  private final long sliceNanos;
  private final double[] batches = new double[MOST_BATCHES];
  private long sum;

  /** What is known of one work. */
  static final class Measured {
    private final Work work;
    private final double[] nanos = new double[COUNTED];
    private final long[] bytes = new long[COUNTED];
    private int batch = 1;
    private long times;

    Measured(Work work) {
      this.work = work;
    }

    String name() {
      return work.name();
    }

    /** Median of the slices that count. */
    double nanos() {
      double[] sorted = nanos.clone();
      Arrays.sort(sorted);
      return sorted[sorted.length / 2];
    }

    /** What one put on the heap, but for the literals of one slice. */
    double bytes() {
      return (double) garbage(bytes) / times;
    }
  }

  /** What all slices put on the heap, but for the one with most if that may be literals. */
  static long garbage(long[] bytes) {
    long most = Arrays.stream(bytes).max().orElseThrow();
    return Arrays.stream(bytes).sum() - (most <= LITERAL_BYTES ? most : 0);
  }

  StabilityFork(long sliceNanos) {
    this.sliceNanos = sliceNanos;
  }

  /**
   * Prints a line for each work.
   *
   * @param arguments seed of the orders, formats, and seconds to take
   */
  public static void main(String[] arguments) {
    Random random = new Random(Long.parseLong(arguments[0]));
    Mix mix = Mix.valueOf(arguments[1]);
    double seconds = Double.parseDouble(arguments[2]);
    List<Work> works = new ArrayList<>(new KernelWorks().all());
    if (mix.hasV1()) {
      works.addAll(new TableWorks("v1", AmdV1.LINUX).all());
    }
    if (mix.hasX86()) {
      works.addAll(new TableWorks("x86", X86.LINUX).all());
    }
    long slice = (long) (seconds * NANOS_PER_SECOND / works.size() / ROUNDS);
    List<Measured> measured = new StabilityFork(slice).measure(works, random);
    for (Measured one : measured) {
      System.out.println(one.name() + SEPARATOR + one.nanos() + SEPARATOR + one.bytes());
    }
  }

  List<Measured> measure(List<Work> works, Random random) {
    List<Measured> all = new ArrayList<>(works.stream().map(Measured::new).toList());
    Collections.shuffle(all, random);
    for (Measured one : all) {
      sum += one.work.run(1 << random.nextInt(MOST_LOG2 + 1));
    }
    int before = 0;
    boolean isWarm = false;
    while (before < ROUNDS - COUNTED || (!isWarm && before < MOST_BEFORE)) {
      long begin = System.nanoTime();
      long compiled = COMPILER.getTotalCompilationTime();
      long bytes = round(all, random, -1);
      compiled = MILLISECONDS.toNanos(COMPILER.getTotalCompilationTime() - compiled);
      isWarm = bytes == 0 && compiled <= IDLE * (System.nanoTime() - begin);
      before++;
    }
    for (int round = 0; round < COUNTED; round++) {
      round(all, random, round);
    }
    if (sum == 0) {
      throw new IllegalStateException("nothing was done");
    }
    return all;
  }

  /**
   * A slice of each, in a new order.
   *
   * @return bytes that they put on the heap
   */
  private long round(List<Measured> all, Random random, int index) {
    Collections.shuffle(all, random);
    long bytes = 0;
    for (Measured one : all) {
      bytes += slice(one, index);
    }
    return bytes;
  }

  /**
   * A slice of time.
   *
   * @param index of the slice among those that count; negative before
   * @return bytes that it put on the heap
   */
  private long slice(Measured one, int index) {
    long before = THREADS.getTotalThreadAllocatedBytes();
    long begin = System.nanoTime();
    long times = 0;
    int count = 0;
    long end;
    do {
      long start = System.nanoTime();
      sum += one.work.run(one.batch);
      end = System.nanoTime();
      times += one.batch;
      batches[count++] = (double) (end - start) / one.batch;
      if (end - start < LEAST_BATCH_NANOS && one.batch < MOST_IN_BATCH) {
        one.batch *= 2;
      }
    } while (end - begin < sliceNanos && count < MOST_BATCHES);
    long bytes = THREADS.getTotalThreadAllocatedBytes() - before;
    if (index >= 0) {
      one.bytes[index] = bytes;
      Arrays.sort(batches, 0, count); // which may make garbage
      one.nanos[index] = batches[count / 4];
      one.times += times;
    }
    return bytes;
  }
}
