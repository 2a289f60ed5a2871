package dev.cleave.bench.image;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Inputs;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.memory.PhysicalMemory.Piece;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

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
  private final @Nullable Manifest manifest;
  private final long last;

  private MemoryImage(Arena arena, PhysicalMemory memory, @Nullable Manifest manifest, long last) {
    this.arena = arena;
    this.memory = memory;
    this.manifest = manifest;
    this.last = last;
  }

  /**
   * Opens an image of any kind: a directory is a page image, a file is what its first bytes say,
   * and raw memory if they say nothing.
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
    if (Inputs.isStream(name) || !Files.isDirectory(Path.of(name))) {
      return of(name, pieces(name, map(name, SPOOL_LIMIT, arena), base, arena), null, arena);
    }
    refuseBase(name, base, "a page image");
    List<Piece> pieces = PageImageReader.read(Path.of(name), arena);
    long pages = pieces.stream().mapToLong(piece -> piece.segment().byteSize()).sum() >>> PAGE_LOG2;
    return of(name, pieces, PageImageReader.manifest(Path.of(name), pages), arena);
  }

  private static MemoryImage of(
      String name, List<Piece> pieces, @Nullable Manifest manifest, Arena arena) {
    PhysicalMemory memory = new PhysicalMemory();
    try {
      memory.addAll(pieces);
    } catch (IllegalArgumentException e) {
      throw BadInput.in(name, e.getMessage());
    }
    long last =
        pieces.stream()
            .map(piece -> piece.spa() + piece.segment().byteSize() - 1)
            .max(Long::compareUnsigned)
            .orElse(0L);
    return new MemoryImage(arena, memory, manifest, last);
  }

  private static List<Piece> pieces(String name, MemorySegment file, OptionalLong base, Arena arena)
      throws IOException {
    ImageKind kind = ImageKind.of(file);
    if (kind != ImageKind.RAW) {
      refuseBase(name, base, kind.words());
    }
    return switch (kind) {
      case RAW -> RawImageReader.parse(name, file, base.orElse(0));
      case ELF -> ElfCoreReader.parse(name, file);
      case LIME -> LimeReader.parse(name, file);
      case KDUMP -> KdumpReader.read(name, file, arena);
      case FLATTENED -> {
        Path real = FlattenedReader.rearranged(FlattenedReader.parse(name, file, SPOOL_LIMIT));
        try {
          MemorySegment inner = map(real, arena);
          if (ImageKind.of(inner) == ImageKind.RAW || ImageKind.of(inner) == kind) {
            throw BadInput.in(name, "flattens neither an ELF core nor a kdump-compressed dump");
          }
          yield pieces(name, inner, base, arena);
        } finally {
          Inputs.delete(real);
        }
      }
      default -> throw kind.refusal(name);
    };
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
   * Where the memory ends.
   *
   * @return physical address of its last byte
   */
  public long last() {
    return last;
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
