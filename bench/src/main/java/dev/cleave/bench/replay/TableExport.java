package dev.cleave.bench.replay;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.image.PageImageWriter;
import dev.cleave.bench.image.rmp.RmpDump;
import dev.cleave.bench.image.table.RowFile;
import dev.cleave.bench.image.table.TableDecoder;
import dev.cleave.bench.image.table.TableRoot;
import dev.cleave.bench.image.table.TableVisitor;
import dev.cleave.bench.io.Outputs;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.io.IOException;
import java.io.Writer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/** Writes the tables of a run to files, as a decoder reads them from the run's memory. */
public final class TableExport {
  private static final int FIRST_DOMAIN = 1;

  /** Devices of one bus: each address space is used by one of them. */
  private static final int SLOTS = 32;

  private static final String RMP_DUMP = "rmp-dump.dmesg";

  private final PhysicalMemory memory = new PhysicalMemory();
  private final SequencedMap<String, TableRoot> roots = new LinkedHashMap<>();
  private final @Nullable TableRoot nested;
  private final @Nullable RmpBitmap rmp;

  /**
   * Looks at a run.
   *
   * @param run whose tables are written as they stand when a file is written
   */
  public TableExport(PolicyRun run) {
    run.memories().forEach(tables -> memory.add(tables.base(), tables.view()));
    run.spaces().forEach(space -> roots.put(space.name().name(), root(space.table().table())));
    nested = run.nestedTable() == null ? null : root(run.nestedTable());
    rmp = run.pageStates();
  }

  private static TableRoot root(PageTable table) {
    return TableRoot.of(table.format(), table.root(), table.levels(), Access.READ_WRITE);
  }

  /**
   * Writes every leaf of the IOMMU tables as a row of CSV, which begins with the name of its
   * address space where there are several.
   */
  public void leaves(String file) throws IOException {
    try (RowFile leaves = RowFile.leavesOfSpaces(file, roots.size() > 1)) {
      for (Map.Entry<String, TableRoot> space : roots.entrySet()) {
        TableDecoder.decode(memory, space.getValue(), leaves.rows(space.getKey()));
      }
    }
  }

  /**
   * Writes the tables' pages, and a manifest with the entry of a device that uses the IOMMU table,
   * or of one device for each of several and, if page states count, the RMP as a kernel prints it.
   * The nested table is called a domain after all others, though the IOMMU knows no such domain.
   */
  public void image(String directory) throws IOException {
    LongStream.Builder pages = LongStream.builder();
    TableVisitor collector =
        new TableVisitor() {
          @Override
          public void table(long paddr, int level, long iova, boolean isEmpty) {
            pages.add(paddr);
          }
        };
    SequencedMap<DeviceId, DeviceTableEntry> devices = new LinkedHashMap<>();
    List<Manifest.Domain> domains = new ArrayList<>();
    int domain = FIRST_DOMAIN;
    for (TableRoot root : roots.values()) {
      DeviceId device = DeviceId.parse("%02x:%02x.0".formatted(domain / SLOTS, domain % SLOTS));
      devices.put(device, DeviceTableEntry.v1(root.paddr(), root.levels(), domain));
      domains.add(new Manifest.Domain(domain, root.paddr(), root.levels(), List.of(device)));
      TableDecoder.decode(memory, root, collector);
      domain++;
    }
    if (nested != null) {
      domains.add(new Manifest.Domain(domain, nested.paddr(), nested.levels(), List.of(), true));
      TableDecoder.decode(memory, nested, collector);
    }
    PageImageWriter.write(
        Path.of(directory),
        pages.build().toArray(),
        memory::getLong,
        new Manifest(OptionalLong.empty(), devices, domains, rmp == null ? null : RMP_DUMP));
    if (rmp != null) {
      RmpDump dump = new RmpDump(states(rmp));
      for (TableRoot root : roots.values()) {
        TableDecoder.decode(memory, root, dump);
      }
      try (Writer out = Outputs.open(Path.of(directory, RMP_DUMP).toString())) {
        dump.write(out);
      }
    }
  }

  /** What lies beyond the guest's memory is the hypervisor's. */
  private static RmpDump.States states(RmpBitmap rmp) {
    return new RmpDump.States() {
      @Override
      public boolean isShared(long gpa) {
        return Long.compareUnsigned(gpa, rmp.guestBytes()) >= 0 || rmp.isShared(gpa);
      }

      @Override
      public boolean isLarge(long gpa) {
        return Long.compareUnsigned(gpa, rmp.guestBytes()) < 0 && rmp.isLarge(gpa);
      }
    };
  }
}
