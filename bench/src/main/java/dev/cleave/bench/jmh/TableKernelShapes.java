package dev.cleave.bench.jmh;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.kernel.GatheredBits;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.infra.Blackhole;

/**
 * Every kernel by plain loops and by vectors, beside {@link MemorySegment#fill} and {@link
 * MemorySegment#copy} over the same bytes. An operation is one call; calls go through the memory
 * from front to back, again and again.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = {Tables.VECTOR_MODULE, Tables.NATIVE_ACCESS})
public class TableKernelShapes {
  private static final int CALLS = 64;
  private static final long ENTRY = 1L << 60 | 1;
  private static final long STATUS = 0x60;
  private static final int REPLICAS_LOG2 = 4;

  /** Memory, and runs of words in it. */
  @State(Scope.Thread)
  public static class Runs {
    /** Words of a call: 512 are a table, 16 the replicas of a 64 KiB leaf. */
    @Param({"16", "512"})
    public int count;

    /** What the calls go through: fits the first cache, the second, none. */
    @Param({"16K", "512K", "256M"})
    public String memory;

    private final Arena arena = Arena.ofShared();
    private long mask;
    private long next;
    MemorySegment words;
    MemorySegment others;
    final GatheredBits found = new GatheredBits();

    /** Words that are all present and all equal, so that no kernel ends early. */
    @Setup(Level.Trial)
    public void make() {
      long bytes = Numbers.parse(memory);
      mask = bytes - 1;
      words = arena.allocate(bytes, Tables.PAGE_BYTES);
      others = arena.allocate(bytes, Tables.PAGE_BYTES);
      Kernels.plain().replicate(words, 0, (int) (bytes / Long.BYTES), ENTRY);
      Kernels.plain().replicate(others, 0, (int) (bytes / Long.BYTES), ENTRY);
    }

    /** Where the next call begins. Counts that do not divide the memory end beside it. */
    long next() {
      long offset = next;
      next = (offset + (long) count * Long.BYTES) & mask;
      return offset;
    }

    long bytes() {
      return (long) count * Long.BYTES;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      arena.close();
    }
  }

  /** The kernels to measure. */
  @State(Scope.Thread)
  public static class Implementation {
    /** {@code plain} or {@code vector}. */
    @Param({"plain", "vector"})
    public String kernels;

    TableKernels chosen;

    /** Finds them. */
    @Setup(Level.Trial)
    public void choose() {
      chosen = kernels.equals("plain") ? Kernels.plain() : Kernels.vector().orElseThrow();
    }
  }

  /** A progression, as leaves of one size are. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void fill(Runs runs, Implementation state) {
    for (int i = 0; i < CALLS; i++) {
      state.chosen.fill(runs.words, runs.next(), runs.count, ENTRY, Tables.PAGE_BYTES, 0);
    }
  }

  /** Sized leaves of 16 replicas. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void fillReplicas(Runs runs, Implementation state) {
    for (int i = 0; i < CALLS; i++) {
      state.chosen.fill(
          runs.words, runs.next(), runs.count, ENTRY, Tables.PAGE_BYTES, REPLICAS_LOG2);
    }
  }

  /** Zeros. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void zero(Runs runs, Implementation state) {
    for (int i = 0; i < CALLS; i++) {
      state.chosen.zero(runs.words, runs.next(), runs.count);
    }
  }

  /** None dirty. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void anyHas(Runs runs, Implementation state, Blackhole hole) {
    for (int i = 0; i < CALLS; i++) {
      hole.consume(state.chosen.anyHas(runs.words, runs.next(), runs.count, STATUS));
    }
  }

  /** How many present. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void countAny(Runs runs, Implementation state, Blackhole hole) {
    for (int i = 0; i < CALLS; i++) {
      hole.consume(state.chosen.countAny(runs.words, runs.next(), runs.count, 1));
    }
  }

  /** A progression that does not step. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void progressionBits(Runs runs, Implementation state, Blackhole hole) {
    for (int i = 0; i < CALLS; i++) {
      hole.consume(
          state.chosen.progressionBits(runs.words, runs.next(), runs.count, ENTRY, 0, 0, STATUS));
    }
  }

  /** The same of sized leaves of 16 replicas. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void progressionBitsOfReplicas(Runs runs, Implementation state, Blackhole hole) {
    for (int i = 0; i < CALLS; i++) {
      hole.consume(
          state.chosen.progressionBits(
              runs.words, runs.next(), runs.count, ENTRY, 0, REPLICAS_LOG2, STATUS));
    }
  }

  /** All bits. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void or(Runs runs, Implementation state, Blackhole hole) {
    for (int i = 0; i < CALLS; i++) {
      hole.consume(state.chosen.or(runs.words, runs.next(), runs.count));
    }
  }

  /** All dirty. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void gather(Runs runs, Implementation state) {
    for (int i = 0; i < CALLS; i++) {
      state.chosen.gather(runs.words, runs.next(), runs.count, 1, runs.found, 0);
    }
  }

  /** Regions, 8 words each, that are all shared or all private. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void uniformRegions(Runs runs, Implementation state, Blackhole hole) {
    int regions = runs.count / TableKernels.REGION_WORDS;
    for (int i = 0; i < CALLS; i++) {
      hole.consume(state.chosen.uniformRegions(runs.words, runs.next(), regions, -1, -1));
    }
  }

  /** What the JDK takes to write as many bytes. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void segmentFill(Runs runs) {
    for (int i = 0; i < CALLS; i++) {
      runs.words.asSlice(runs.next(), runs.bytes()).fill((byte) 0);
    }
  }

  /** What the JDK takes to read and write as many bytes. */
  @Benchmark
  @OperationsPerInvocation(CALLS)
  public void segmentCopy(Runs runs) {
    for (int i = 0; i < CALLS; i++) {
      long offset = runs.next();
      MemorySegment.copy(runs.others, offset, runs.words, offset, runs.bytes());
    }
  }
}
