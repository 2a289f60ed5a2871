package dev.cleave.bench.jmh;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
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

/**
 * One large leaf a call, in tables that are present, in random order: {@link SinglePage} above the
 * leaf tables. Each table also holds one leaf that stays, so that it is never emptied.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class SingleLeaf {
  private static final int LEVELS = 4;
  private static final int ENTRIES = 512;
  private static final int TABLES = 64;
  private static final int LEAVES = TABLES * (ENTRIES - 1);

  /** Leaves in random order, and the table with only those that stay. */
  @State(Scope.Thread)
  public static class Leaves {
    /** The leaf: 2M stands at level 2, 1G at level 3. */
    @Param({"2M", "1G"})
    public String leaf;

    TableMemory memory;
    PageTable table;
    IotlbGather gather;
    long leafBytes;
    long[] leaves;

    /** Makes the table. */
    @Setup(Level.Trial)
    public void make() {
      leafBytes = Numbers.parse(leaf);
      memory = Tables.memory();
      table = Tables.table(memory, LEVELS, Tables.SIZES_4K_2M_1G);
      gather = table.newGather();
      leaves = new long[LEAVES];
      for (int i = 0; i < LEAVES; i++) {
        leaves[i] = ((long) i / (ENTRIES - 1) * ENTRIES + i % (ENTRIES - 1)) * leafBytes;
      }
      Tables.shuffle(leaves);
      for (long i = 1; i <= TABLES; i++) {
        map((i * ENTRIES - 1) * leafBytes);
      }
      prepare();
    }

    /** What a kind of this state does next; JMH promises no order among several setups. */
    void prepare() {}

    private void map(long iova) {
      table.map(iova, iova, leafBytes, Access.READ_WRITE);
    }

    /** Maps every leaf, one a call. */
    void mapAll() {
      for (long leaf : leaves) {
        map(leaf);
      }
    }

    /** Unmaps every leaf, one a call, and settles each debt. */
    long unmapAll() {
      long bytes = 0;
      for (long leaf : leaves) {
        bytes += table.unmap(leaf, leafBytes, gather);
        gather.complete();
      }
      return bytes;
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      table.close();
      memory.close();
    }
  }

  /** None of the leaves is mapped before an invocation. */
  @State(Scope.Thread)
  public static class Unmapped extends Leaves {
    /** Takes the leaves out again: an invocation maps {@value #LEAVES}. */
    @TearDown(Level.Invocation)
    public void empty() {
      unmapAll();
    }
  }

  /** All of the leaves are mapped before an invocation. */
  @State(Scope.Thread)
  public static class Mapped extends Leaves {
    /** Maps the leaves again: an invocation unmaps {@value #LEAVES}. */
    @Setup(Level.Invocation)
    public void fill() {
      mapAll();
    }
  }

  /** All of the leaves stay mapped. */
  @State(Scope.Thread)
  public static class Present extends Leaves {
    @Override
    void prepare() {
      mapAll();
    }
  }

  /** Maps one leaf. */
  @Benchmark
  @OperationsPerInvocation(LEAVES)
  public void map(Unmapped state) {
    state.mapAll();
  }

  /** Unmaps one leaf and settles the debt. */
  @Benchmark
  @OperationsPerInvocation(LEAVES)
  public long unmap(Mapped state) {
    return state.unmapAll();
  }

  /** Translates one leaf's first address. */
  @Benchmark
  @OperationsPerInvocation(LEAVES)
  public long translate(Present state) {
    long sum = 0;
    for (long leaf : state.leaves) {
      sum += state.table.translate(leaf);
    }
    return sum;
  }
}
