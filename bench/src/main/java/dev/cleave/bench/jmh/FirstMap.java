package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The first 2 GiB mapped as 4 KiB leaves in a JVM that has done nothing else: the engine's classes
 * are loaded inside the clock, and every fork measures once.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 0)
@Measurement(iterations = 1)
@Fork(
    value = 10,
    jvmArgsAppend = {Tables.VECTOR_MODULE, Tables.NATIVE_ACCESS})
public class FirstMap {
  private static final int TABLES = 1024;
  private static final int ENTRIES = 512;
  private static final long ENTRY = 1L << 60 | 1;
  private static final long MAPPED_BYTES = 2 * Tables.GIB;
  private static final int LEVELS = 3;

  /** Where the kernels are to be chosen. */
  @State(Scope.Thread)
  public static class Fresh {
    /** What the system property asks for. */
    @Param({"plain", "vector"})
    public String kernels;

    private Arena arena;
    private TableMemory memory;
    private PageTable table;

    /** Before the class that reads it is loaded. */
    @Setup(Level.Trial)
    public void ask() {
      System.setProperty("cleave.kernels", kernels);
    }

    /** Gives the memory back. */
    @TearDown(Level.Trial)
    public void close() {
      if (table != null) {
        table.close();
        memory.close();
      }
      if (arena != null) {
        arena.close();
      }
    }
  }

  /** With everything that a caller has to do. */
  @Benchmark
  public PageTable map(Fresh state) {
    state.memory = Tables.memory();
    state.table = Tables.table(state.memory, LEVELS, Tables.SIZES_4K);
    state.table.map(0, 0, MAPPED_BYTES, Access.READ_WRITE);
    return state.table;
  }

  /** Only what the kernels do for it. */
  @Benchmark
  public MemorySegment fill(Fresh state) {
    state.arena = Arena.ofShared();
    MemorySegment tables = state.arena.allocate(TABLES * Tables.PAGE_BYTES, Tables.PAGE_BYTES);
    TableKernels chosen = Kernels.chosen();
    for (int i = 0; i < TABLES; i++) {
      long first = ENTRY + i * REGION_BYTES;
      chosen.fill(tables, i * Tables.PAGE_BYTES, ENTRIES, first, Tables.PAGE_BYTES, 0);
    }
    return tables;
  }
}
