package dev.cleave.bench.replay;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.image.PageImageWriter;
import dev.cleave.bench.image.table.RowFile;
import dev.cleave.bench.image.table.TableDecoder;
import dev.cleave.bench.image.table.TableRoot;
import dev.cleave.bench.image.table.TableVisitor;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.stream.LongStream;

/** Writes the table of a run to files, as a decoder reads it from the run's memory. */
public final class TableExport {
  private static final int DOMAIN = 1;
  private static final DeviceId DEVICE = DeviceId.parse("00:01.0");

  private final PhysicalMemory memory = new PhysicalMemory();
  private final TableRoot root;

  /**
   * Looks at a run.
   *
   * @param run whose table is written as it stands when a file is written
   */
  public TableExport(PolicyRun run) {
    memory.add(run.memory().base(), run.memory().view());
    root =
        TableRoot.of(
            run.table().format(), run.table().root(), run.table().levels(), Access.READ_WRITE);
  }

  /** Writes every leaf as a row of CSV. */
  public void leaves(String file) throws IOException {
    try (RowFile leaves = RowFile.leaves(file, false)) {
      decode(leaves.rows(Integer.toString(DOMAIN), root.paddr()));
    }
  }

  /** Writes the table's pages, and a manifest with the entry of a device that uses it. */
  public void image(String directory) throws IOException {
    LongStream.Builder pages = LongStream.builder();
    decode(
        new TableVisitor() {
          @Override
          public void table(long paddr, int level, long iova, boolean isEmpty) {
            pages.add(paddr);
          }
        });
    SequencedMap<DeviceId, DeviceTableEntry> devices = new LinkedHashMap<>();
    devices.put(DEVICE, DeviceTableEntry.v1(root.paddr(), root.levels(), DOMAIN));
    PageImageWriter.write(
        Path.of(directory),
        pages.build().toArray(),
        memory::getLong,
        new Manifest(
            OptionalLong.empty(),
            devices,
            List.of(new Manifest.Domain(DOMAIN, root.paddr(), root.levels(), List.of(DEVICE)))));
  }

  private void decode(TableVisitor visitor) {
    TableDecoder.decode(memory, root, visitor);
  }
}
