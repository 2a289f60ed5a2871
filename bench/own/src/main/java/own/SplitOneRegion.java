package own;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** What it costs to split a region of a 1 GiB leaf into 4 KiB pages and to merge it again. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(
    value = 3,
    jvmArgsAppend = {"--enable-native-access=ALL-UNNAMED", "-Dcleave.kernels.verbose=true"})
public class SplitOneRegion {
  private final TableMemory memory = TableMemory.builder().capacityBytes(1 << 24).build();
  private final PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX));
  private final IotlbGather gather = table.newGather();

  /** One leaf. */
  @Setup
  public void map() {
    table.map(0, 1L << 40, 1L << 30, Access.READ_WRITE);
  }

  /** Leaves the table as it found it; nothing is flushed, since no device uses it. */
  @Benchmark
  public void splitThenMerge() {
    table.split(0, 1 << 21, 12, gather);
    table.merge(0, 1 << 21, 30, gather);
    gather.complete();
  }

  /** Gives all back. */
  @TearDown
  public void close() {
    table.close();
    memory.close();
  }
}
