package dev.cleave.bench.conform.qemu;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Guest memory: a sparse file that QEMU and this process both map. A store here is seen by the
 * guest's devices at once, and the other way round.
 *
 * <p>Addresses are guest-physical. Thread-safe as memory is: words are plain loads and stores.
 */
public final class GuestMemory implements AutoCloseable {
  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final long MOST_USED_BYTES = 512L << 20;

  private final Path file;
  private final Arena arena;
  private final MemorySegment bytes;

  private GuestMemory(Path file, Arena arena, MemorySegment bytes) {
    this.file = file;
    this.arena = arena;
    this.bytes = bytes;
  }

  /**
   * Creates and maps the file.
   *
   * @param file a path where nothing is yet
   * @return memory that reads as zeros
   * @throws IOException if the file exists or cannot be made
   */
  static GuestMemory create(Path file) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            StandardOpenOption.SPARSE)) {
      Arena arena = Arena.ofShared();
      // Mapping beyond the end makes the file that long, as a hole.
      MemorySegment bytes = channel.map(MapMode.READ_WRITE, 0, GuestLayout.MEMORY_BYTES, arena);
      return new GuestMemory(file, arena, bytes);
    }
  }

  /**
   * A directory for the file: memory-backed where there is one with room, for a full tmpfs would
   * end the process in the middle of a store.
   *
   * @return an existing directory
   * @throws IOException if its room cannot be asked for
   */
  static Path directory() throws IOException {
    Path shared = Path.of("/dev/shm");
    if (Files.isWritable(shared)
        && Files.getFileStore(shared).getUsableSpace() >= MOST_USED_BYTES) {
      return shared;
    }
    return Path.of(System.getProperty("java.io.tmpdir"));
  }

  /**
   * The file, which has no name any more once QEMU has mapped it, unless a user gave it one.
   *
   * @return the path it was created at
   */
  public Path file() {
    return file;
  }

  private static long offset(long paddr) {
    return paddr < GuestLayout.LOW_BYTES
        ? paddr
        : paddr - GuestLayout.HIGH_BASE + GuestLayout.LOW_BYTES;
  }

  /**
   * A piece of memory.
   *
   * @param paddr its first byte, in one of the two parts that are memory
   * @param length bytes, not beyond the end of that part
   * @return the piece
   */
  public MemorySegment slice(long paddr, long length) {
    return bytes.asSlice(offset(paddr), length);
  }

  /**
   * Loads eight bytes.
   *
   * @param paddr address, a multiple of 8
   * @return the little-endian word
   */
  public long load(long paddr) {
    return bytes.get(WORD, offset(paddr));
  }

  /**
   * Stores eight bytes.
   *
   * @param paddr address, a multiple of 8
   * @param value the little-endian word
   */
  public void store(long paddr, long value) {
    bytes.set(WORD, offset(paddr), value);
  }

  /**
   * Removes the file's name, if it still has one; the memory stays until it is unmapped.
   *
   * @throws IOException if that cannot be done
   */
  void unlink() throws IOException {
    Files.deleteIfExists(file);
  }

  @Override
  public void close() {
    arena.close();
  }
}
