package dev.cleave.bench.jmh;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Register;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * One request of a device through the hardware model, to pages that come round in turn: fewer than
 * the IOTLB holds, and their tables lie in the processor's cache.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Fork(jvmArgsAppend = Tables.NATIVE_ACCESS)
public class ModelAccess {
  private static final int PAGES = 256;
  private static final int LEVELS = 4;
  private static final int DEVICE = 1;
  private static final int DOMAIN = 1;
  private static final long PADDR = 1L << 30;
  private static final long RMP_BASE = 1L << 36;

  /** An IOMMU over a table of four levels with leaves of 4 KiB. */
  @State(Scope.Thread)
  public static class Model {
    /** Whether an RMP is asked too; its pages are the hypervisor's. */
    @Param({"false", "true"})
    public boolean rmp;

    private final Arena arena = Arena.ofShared();
    private TableMemory tables;
    private PageTable table;
    private Iommu cached;
    private Iommu uncached;
    private int next;

    /** Maps the pages and enables two IOMMUs. */
    @Setup(Level.Trial)
    public void enable() {
      tables = Tables.memory();
      table = Tables.table(tables, LEVELS, Tables.SIZES_4K);
      table.map(0, PADDR, (long) PAGES << Geometry.PAGE_LOG2, Access.READ_WRITE);
      PhysicalMemory memory = new PhysicalMemory();
      memory.add(tables.base(), tables.view());
      var _ = memory.allocate(0, Geometry.PAGE_BYTES, arena);
      ReverseMap map = null;
      if (rmp) {
        long covered = 2 * PADDR;
        var _ = memory.allocate(RMP_BASE, ReverseMap.tableBytes(covered), arena);
        map = new ReverseMap(memory, RMP_BASE, covered);
      }
      DeviceTableEntry entry = DeviceTableEntry.v1(table.root(), table.levels(), DOMAIN);
      long at = DeviceTableEntry.paddrOf(0, DEVICE);
      memory.setLong(at + Long.BYTES, entry.q1());
      memory.setLong(at, entry.q0());
      cached = new Iommu(memory, IommuConfig.standard(), map);
      uncached = new Iommu(memory, IommuConfig.standard().withoutCaches(), map);
      cached.writeMmio(Register.CONTROL, Register.CONTROL_ENABLE);
      uncached.writeMmio(Register.CONTROL, Register.CONTROL_ENABLE);
    }

    /** Frees everything. */
    @TearDown(Level.Trial)
    public void free() {
      table.close();
      tables.close();
      arena.close();
    }

    long nextAddress() {
      return (long) (next++ & (PAGES - 1)) << Geometry.PAGE_LOG2;
    }
  }

  /** The IOTLB answers. */
  @Benchmark
  public long hit(Model model) {
    return model.cached.translate(DEVICE, model.nextAddress(), false);
  }

  /** Four entries are read, with no cache of any kind. */
  @Benchmark
  public long walk(Model model) {
    return model.uncached.translate(DEVICE, model.nextAddress(), false);
  }
}
