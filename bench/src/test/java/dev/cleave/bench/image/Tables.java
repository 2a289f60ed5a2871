package dev.cleave.bench.image;

import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.TreeSet;
import java.util.function.UnaryOperator;

/** Hand-made tables: pages appear where something is written. */
public final class Tables {
  public static final AmdV1 FORMAT = AmdV1.LINUX;
  public static final int RW = Access.READ_WRITE;

  private final EntryFormat format;
  private final PhysicalMemory memory = new PhysicalMemory();
  private final TreeSet<Long> pages = new TreeSet<>();

  public Tables() {
    this(FORMAT);
  }

  public Tables(EntryFormat format) {
    this.format = format;
  }

  public PhysicalMemory memory() {
    return memory;
  }

  public Tables page(long paddr) {
    if (pages.add(paddr)) {
      MemorySegment page = Arena.ofAuto().allocate(Geometry.PAGE_BYTES, Geometry.PAGE_BYTES);
      memory.add(paddr, page);
    }
    return this;
  }

  public Tables set(long table, int index, long entry) {
    page(table);
    memory.setLong(table + 8L * index, entry);
    return this;
  }

  public Tables change(long table, int index, UnaryOperator<Long> change) {
    return set(table, index, change.apply(memory.getLong(table + 8L * index)));
  }

  public Tables directory(long table, int index, long next, int nextLevel) {
    page(next);
    return set(table, index, format.directory(next, nextLevel));
  }

  /** A leaf in all of its slots. */
  public Tables leaf(long table, int index, long paddr, int sizeLog2) {
    return leaf(table, index, paddr, sizeLog2, RW);
  }

  public Tables leaf(long table, int index, long paddr, int sizeLog2, int access) {
    long entry = format.leaf(paddr, sizeLog2, format.attributes(access));
    for (int slot = 0; slot < 1 << Geometry.slotsLog2(sizeLog2); slot++) {
      set(table, index + slot, entry);
    }
    return this;
  }

  public long[] pages() {
    return pages.stream().mapToLong(page -> page).toArray();
  }

  /** A page image of one domain, with a device table entry in the manifest only. */
  public Path write(Path directory, long root, int levels) {
    DeviceId device = new DeviceId(0x80);
    var devices = new LinkedHashMap<DeviceId, DeviceTableEntry>();
    devices.put(device, DeviceTableEntry.v1(root, levels, 7));
    return write(
        directory,
        new Manifest(
            OptionalLong.empty(),
            devices,
            List.of(new Manifest.Domain(7, root, levels, List.of(device)))));
  }

  public Path write(Path directory, Manifest manifest) {
    try {
      PageImageWriter.write(directory, pages(), memory::getLong, manifest);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return directory;
  }
}
