package dev.cleave.bench.jmh;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.machine.IommuCommand;
import dev.cleave.engine.IotlbFlushQueue;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Register;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A buffer of 64 pages is mapped and unmapped, with its flush at once or in a batch of 256; the
 * same iova comes round when its flush has long been done.
 *
 * <p>A flush is what the hardware model makes of it: commands in its ring, a write of the tail for
 * each, the IOTLB searched, and a completion stored to memory, which is looked at. Real hardware
 * takes longer, so a queue saves more there.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class DeferredFlushes {
  private static final int LEVELS = 3;
  private static final long BUFFER_BYTES = 64 * Tables.PAGE_BYTES;

  /** One of the eight buffers that a table has room for stays, so that no table comes or goes. */
  private static final int BUFFERS_IN_TABLE = 7;

  private static final int TABLES = 256;
  private static final int ENTRIES = 256;
  private static final int BATCHES = 2;
  private static final long PADDR = 1L << 40;
  private static final int DEVICE = 8;
  private static final int DOMAIN = 1;
  private static final int COMMANDS_LOG2 = 8;
  private static final int RING_BYTES = IommuCommand.BYTES << COMMANDS_LOG2;
  private static final int RING_LENGTH_SHIFT = 56;
  private static final long COMMANDS = 1L << 16;
  private static final long COMPLETION = 2L << 16;
  private static final long CONTROL_BYTES = 3L << 16;

  /** An IOMMU over a table, whose IOTLB holds translations of the buffers that stay. */
  @State(Scope.Thread)
  public static class Model {
    private final Arena arena = Arena.ofShared();
    private final PhysicalMemory memory = new PhysicalMemory();
    private final IotlbGather.BlockVisitor invalidate = this::invalidate;
    private long[] buffers;
    private TableMemory tables;
    private PageTable table;
    private IotlbGather gather;
    private IotlbFlushQueue queue;
    private Iommu iommu;
    private int next;
    private int tail;
    private long completions;

    /** Makes the table and lets the IOMMU run. */
    @Setup(Level.Trial)
    public void enable() {
      tables = Tables.memory();
      table = Tables.table(tables, LEVELS, Tables.SIZES_4K);
      gather = table.newGather();
      queue =
          new IotlbFlushQueue(table, this::flush, ENTRIES, BATCHES, Long.MAX_VALUE, (_, _) -> {});
      memory.add(tables.base(), tables.view());
      var _ = memory.allocate(0, CONTROL_BYTES, arena);
      DeviceTableEntry entry = DeviceTableEntry.v1(table.root(), table.levels(), DOMAIN);
      long at = DeviceTableEntry.paddrOf(0, DEVICE);
      memory.setLong(at + Long.BYTES, entry.q1());
      memory.setLong(at, entry.q0());
      iommu = new Iommu(memory, IommuConfig.standard(), null);
      iommu.writeMmio(Register.COMMAND_BASE, COMMANDS | (long) COMMANDS_LOG2 << RING_LENGTH_SHIFT);
      iommu.writeMmio(Register.CONTROL, Register.CONTROL_ENABLE | Register.CONTROL_COMMANDS);
      buffers = new long[TABLES * BUFFERS_IN_TABLE];
      for (int i = 0; i < TABLES; i++) {
        long stays = i * REGION_BYTES + BUFFERS_IN_TABLE * BUFFER_BYTES;
        table.map(stays, PADDR + stays, BUFFER_BYTES, Access.READ_WRITE);
        for (int j = 0; j < BUFFERS_IN_TABLE; j++) {
          buffers[i * BUFFERS_IN_TABLE + j] = i * REGION_BYTES + j * BUFFER_BYTES;
        }
        for (long page = stays; page < stays + BUFFER_BYTES; page += Geometry.PAGE_BYTES) {
          var _ = iommu.translate(DEVICE, page, false);
        }
      }
      Tables.shuffle(buffers);
    }

    /** Frees everything. */
    @TearDown(Level.Trial)
    public void free() {
      queue.close();
      table.close();
      tables.close();
      arena.close();
    }

    private long map() {
      next = next + 1 == buffers.length ? 0 : next + 1;
      long iova = buffers[next];
      table.map(iova, PADDR + iova, BUFFER_BYTES, Access.READ_WRITE);
      return iova;
    }

    private void flush(PageTable flushed, IotlbGather owed) {
      owed.forEachBlock(invalidate);
      long data = ++completions;
      submit(IommuCommand.completionWait(COMPLETION, data));
      if (memory.getLong(COMPLETION) != data) {
        throw new IllegalStateException("a flush must complete, it has not: " + owed);
      }
    }

    private void invalidate(long iova, int sizeLog2) {
      submit(IommuCommand.invalidatePages(DOMAIN, iova, sizeLog2));
    }

    private void submit(IommuCommand command) {
      memory.setLong(COMMANDS + tail, command.q0());
      memory.setLong(COMMANDS + tail + Long.BYTES, command.q1());
      tail = (tail + IommuCommand.BYTES) % RING_BYTES;
      iommu.writeMmio(Register.COMMAND_TAIL, tail);
    }
  }

  /** Flushed in batches of {@value #ENTRIES}. */
  @Benchmark
  public long queued(Model model) {
    return model.queue.unmap(model.map(), BUFFER_BYTES);
  }

  /** Flushed at once. */
  @Benchmark
  public long each(Model model) {
    long bytes = model.table.unmap(model.map(), BUFFER_BYTES, model.gather);
    model.flush(model.table, model.gather);
    model.gather.complete();
    return bytes;
  }
}
