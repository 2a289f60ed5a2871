package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * The physical memory of a machine as a file holds it, and what the file's manifest says of it.
 * Files are mapped, not copied; only what is compressed or comes from standard input is first
 * written to a temporary file.
 *
 * <p>Thread-safe until closed; after that every access to the memory fails.
 */
public final class MemoryImage implements AutoCloseable {
  /** More than any machine's memory; what unpacks to more is not an image. */
  private static final long SPOOL_LIMIT = 1L << 42;

  private final Arena arena;
  private final PhysicalMemory memory;
  private final Manifest manifest;

  private MemoryImage(Arena arena, PhysicalMemory memory, Manifest manifest) {
    this.arena = arena;
    this.memory = memory;
    this.manifest = manifest;
  }

  /**
   * Opens an image of any kind: a directory is a page image, a file that begins like ELF a core,
   * any other file raw memory.
   *
   * @param name a path, or {@code -} for standard input
   * @param base physical address of a raw file's first byte, 4 KiB-aligned; only for such a file
   * @return the image
   * @throws BadInput if it cannot be read, contradicts itself or is not what it claims to be
   */
  public static MemoryImage open(String name, OptionalLong base) {
    Arena arena = Arena.ofShared();
    try {
      return open(name, base, arena);
    } catch (IOException e) {
      arena.close();
      throw BadInput.cannotUse(name, e);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private static MemoryImage open(String name, OptionalLong base, Arena arena) throws IOException {
    PhysicalMemory memory = new PhysicalMemory();
    Manifest manifest = null;
    if (!Inputs.isStream(name) && Files.isDirectory(Path.of(name))) {
      refuseBase(name, base, "a page image");
      manifest = PageImageReader.read(Path.of(name), memory, arena);
    } else {
      MemorySegment file = map(name, SPOOL_LIMIT, arena);
      if (ElfCoreReader.isElf(file)) {
        refuseBase(name, base, "an ELF core");
        ElfCoreReader.read(name, file, memory);
      } else {
        RawImageReader.read(name, file, base.orElse(0), memory);
      }
    }
    return new MemoryImage(arena, memory, manifest);
  }

  private static void refuseBase(String name, OptionalLong base, String kind) {
    if (base.isPresent()) {
      throw BadInput.in(
          name, "is " + kind + ", which says itself where its memory lies: no --base");
    }
  }

  /** Maps a whole file, by way of a temporary one if it is not a plain file. */
  static MemorySegment map(String name, long limit, Arena arena) throws IOException {
    if (!Inputs.isStream(name)) {
      return map(Path.of(name), arena);
    }
    Path spooled = Inputs.spool(name, limit);
    try {
      return map(spooled, arena);
    } finally {
      Inputs.delete(spooled);
    }
  }

  private static MemorySegment map(Path file, Arena arena) throws IOException {
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw BadInput.in(file, "is not a plain file, which an image must be to be mapped");
    }
    try (FileChannel channel = FileChannel.open(file)) {
      return channel.map(MapMode.READ_ONLY, 0, channel.size(), arena);
    }
  }

  /**
   * The memory.
   *
   * @return physical memory, to be read only
   */
  public PhysicalMemory memory() {
    return memory;
  }

  /**
   * What the image says of itself.
   *
   * @return its manifest, where it has one
   */
  public Optional<Manifest> manifest() {
    return Optional.ofNullable(manifest);
  }

  @Override
  public void close() {
    arena.close();
  }
}
