package dev.cleave.hwmodel.memory;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * A sparse physical address space: pieces of off-heap or file-backed memory at system physical
 * addresses, and holes between them. Who maps a file into a piece shares it with other processes.
 *
 * <p>All words are little-endian. Eight-byte accesses are atomic and must be 8-byte aligned; reads
 * have acquire order, writes release order. Block moves promise neither atomicity nor order. The
 * one exception: a segment that itself lies at an odd address, as in a mapped core file, can be
 * read only, and reads of it are plain.
 *
 * <p>A read-only segment may be read only: a write of software or hardware to it throws {@link
 * IllegalStateException}.
 *
 * <p>Thread-safe: pieces may be added while others read; a reader sees the space before or after.
 * The segments stay the caller's, who closes them after the last access.
 */
public final class PhysicalMemory {
  private static final VarHandle LONG =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
  private static final ValueLayout.OfLong PLAIN_LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int PAGE_BYTES = 4096;

  /** Remembered pieces: tables, data and RMP lie in different pieces and must not evict others. */
  private static final int HINTS = 64;

  /** Memory and where it stands. Immutable, so that it may be published without order. */
  public static final class Piece {
    static final Piece NONE = new Piece(0, MemorySegment.NULL);

    final long start;
    final long bytes;
    final MemorySegment segment;

    /** It may not be written, and hardware cannot set A and D in it. */
    final boolean isReadOnly;

    /** It lies as atomic access wants it; a mapped core file need not. */
    final boolean isAligned;

    /**
     * A piece.
     *
     * @param spa where it begins, 4 KiB-aligned
     * @param segment its bytes, a positive multiple of 4 KiB
     */
    public Piece(long spa, MemorySegment segment) {
      this.start = spa;
      this.bytes = segment.byteSize();
      this.segment = segment;
      this.isReadOnly = segment.isReadOnly();
      this.isAligned = segment.maxByteAlignment() >= Long.BYTES;
    }

    /**
     * Where it begins.
     *
     * @return a system physical address
     */
    public long spa() {
      return start;
    }

    /**
     * Its bytes.
     *
     * @return as given
     */
    public MemorySegment segment() {
      return segment;
    }

    boolean holds(long spa) {
      return Long.compareUnsigned(spa - start, bytes) < 0;
    }

    long last() {
      return start + bytes - 1;
    }

    long word(long spa) {
      return isAligned
          ? (long) LONG.getAcquire(segment, spa - start)
          : segment.get(PLAIN_LONG, spa - start);
    }
  }

  /** Ascending and disjoint; replaced as a whole. */
  private volatile Piece[] pieces = new Piece[0];

  /**
   * The piece last found for each hash of a 2 MiB region. Read and written without order: a hint is
   * checked before use, and a piece once added never goes away.
   */
  private final Piece[] hints = new Piece[HINTS];

  /**
   * The piece of the last search, tried first: unlike a hint it is known before the address is,
   * which shortens a chain of dependent accesses such as a table walk.
   */
  private Piece favourite = Piece.NONE;

  /** An address space of holes only. */
  public PhysicalMemory() {
    Arrays.fill(hints, Piece.NONE);
  }

  /**
   * Fills a hole.
   *
   * @param spa where the piece begins, 4 KiB-aligned
   * @param segment its bytes, a positive multiple of 4 KiB
   * @throws IllegalArgumentException if it is misaligned, passes 2^64 or overlaps another piece
   */
  public void add(long spa, MemorySegment segment) {
    addAll(List.of(new Piece(spa, segment)));
  }

  /**
   * Fills many holes at once, where one after the other would take quadratic time.
   *
   * @param added the pieces, in any order
   * @throws IllegalArgumentException if one is misaligned, passes 2^64 or overlaps another piece;
   *     then none is added
   */
  public synchronized void addAll(List<Piece> added) {
    added.forEach(PhysicalMemory::check);
    Piece[] all =
        Stream.concat(Arrays.stream(pieces), added.stream())
            .sorted((one, other) -> Long.compareUnsigned(one.start, other.start))
            .toArray(Piece[]::new);
    for (int i = 1; i < all.length; i++) {
      if (Long.compareUnsigned(all[i - 1].last(), all[i].start) >= 0) {
        throw new IllegalArgumentException(
            "pieces of physical memory must not overlap, address=0x%x, length=0x%x"
                .formatted(all[i].start, all[i].bytes));
      }
    }
    pieces = all;
  }

  private static void check(Piece piece) {
    if (piece.start % PAGE_BYTES != 0 || piece.bytes <= 0 || piece.bytes % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "a piece of physical memory must be whole 4096-byte pages, address=0x%x, length=0x%x"
              .formatted(piece.start, piece.bytes));
    }
    if (Long.compareUnsigned(piece.last(), piece.start) < 0) {
      throw new IllegalArgumentException(
          "a piece of physical memory must end at or below 2^64, address=0x%x, length=0x%x"
              .formatted(piece.start, piece.bytes));
    }
  }

  /**
   * Fills a hole with zeroed off-heap memory.
   *
   * @param spa where the piece begins, 4 KiB-aligned
   * @param bytes its length, a positive multiple of 4 KiB
   * @param arena what frees it
   * @return the memory
   * @throws IllegalArgumentException as {@link #add}
   */
  public MemorySegment allocate(long spa, long bytes, Arena arena) {
    MemorySegment segment = arena.allocate(bytes, PAGE_BYTES);
    add(spa, segment);
    return segment;
  }

  /**
   * Fills a hole with a file, which other processes may map as well. The file is created or grown
   * as needed and stays sparse.
   *
   * @param spa where the piece begins, 4 KiB-aligned
   * @param file the file; its first byte is at {@code spa}
   * @param bytes the length of the piece, a positive multiple of 4 KiB
   * @param arena what unmaps it
   * @return the mapped memory
   * @throws IOException if the file cannot be opened or mapped
   * @throws IllegalArgumentException as {@link #add}
   */
  public MemorySegment addFile(long spa, Path file, long bytes, Arena arena) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      MemorySegment segment = channel.map(FileChannel.MapMode.READ_WRITE, 0, bytes, arena);
      add(spa, segment);
      return segment;
    }
  }

  /**
   * Whether there is memory at an address.
   *
   * @param spa any address
   * @return false in a hole
   */
  public boolean isBacked(long spa) {
    return pieceOrNone(spa) != Piece.NONE;
  }

  /**
   * Reads a word.
   *
   * @param spa address, 8-byte aligned
   * @return the word
   * @throws PhysicalMemoryFault in a hole
   */
  public long getLong(long spa) {
    return piece(spa).word(spa);
  }

  /**
   * Reads a word that may not be there.
   *
   * @param spa address, 8-byte aligned
   * @param absent what to return in a hole
   * @return the word; if it equals {@code absent}, {@link #isBacked} tells which it was
   */
  public long getLongOr(long spa, long absent) {
    Piece piece = pieceOrNone(spa);
    return piece == Piece.NONE ? absent : piece.word(spa);
  }

  /**
   * Writes a word.
   *
   * @param spa address, 8-byte aligned
   * @param value the word
   * @throws PhysicalMemoryFault in a hole
   */
  public void setLong(long spa, long value) {
    Piece piece = writable(spa);
    LONG.setRelease(piece.segment, spa - piece.start, value);
  }

  /**
   * Replaces a word if it is what the caller thinks.
   *
   * @param spa address, 8-byte aligned
   * @param expected what must stand there
   * @param value what to write
   * @return whether it was written
   * @throws PhysicalMemoryFault in a hole
   */
  public boolean compareAndSetLong(long spa, long expected, long value) {
    Piece piece = writable(spa);
    return LONG.compareAndSet(piece.segment, spa - piece.start, expected, value);
  }

  /**
   * Writes a word and tells what stood there.
   *
   * @param spa address, 8-byte aligned
   * @param value the word
   * @return the word before
   * @throws PhysicalMemoryFault in a hole
   */
  public long getAndSetLong(long spa, long value) {
    Piece piece = writable(spa);
    return (long) LONG.getAndSet(piece.segment, spa - piece.start, value);
  }

  /**
   * Sets bits of a word.
   *
   * @param spa address, 8-byte aligned
   * @param bits what to set
   * @return the word before
   * @throws PhysicalMemoryFault in a hole
   */
  public long getAndOrLong(long spa, long bits) {
    Piece piece = writable(spa);
    return (long) LONG.getAndBitwiseOr(piece.segment, spa - piece.start, bits);
  }

  /**
   * Copies bytes out.
   *
   * @param spa address of the first byte
   * @param to where they go
   * @param offset of the first one there
   * @param bytes how many, 0 or more; they may span pieces that touch
   * @throws PhysicalMemoryFault at the first hole; what lies before it has been copied
   */
  public void read(long spa, MemorySegment to, long offset, long bytes) {
    for (long done = 0; done < bytes; ) {
      Piece piece = piece(spa + done);
      long from = spa + done - piece.start;
      long now = Math.min(bytes - done, piece.bytes - from);
      MemorySegment.copy(piece.segment, from, to, offset + done, now);
      done += now;
    }
  }

  /**
   * Copies bytes in.
   *
   * @param spa address of the first byte
   * @param from where they come from
   * @param offset of the first one there
   * @param bytes how many, 0 or more; they may span pieces that touch
   * @throws PhysicalMemoryFault at the first hole; what lies before it has been copied
   */
  public void write(long spa, MemorySegment from, long offset, long bytes) {
    for (long done = 0; done < bytes; ) {
      Piece piece = writable(spa + done);
      long to = spa + done - piece.start;
      long now = Math.min(bytes - done, piece.bytes - to);
      MemorySegment.copy(from, offset + done, piece.segment, to, now);
      done += now;
    }
  }

  /**
   * Copies words in.
   *
   * @param spa address of the first word, 8-byte aligned
   * @param from where they come from, from the first one on
   * @param count how many, 0 or more; they may span pieces that touch
   * @throws PhysicalMemoryFault at the first hole; what lies before it has been copied
   */
  public void writeLongs(long spa, long[] from, int count) {
    for (int done = 0; done < count; ) {
      long at = spa + (long) done * Long.BYTES;
      Piece piece = writable(at);
      long to = at - piece.start;
      int now = (int) Math.min(count - done, (piece.bytes - to) / Long.BYTES);
      MemorySegment.copy(from, done, piece.segment, PLAIN_LONG, to, now);
      done += now;
    }
  }

  /** The piece at an address; a hole throws. */
  private Piece piece(long spa) {
    Piece piece = pieceOrNone(spa);
    if (piece == Piece.NONE) {
      throw new PhysicalMemoryFault(spa);
    }
    return piece;
  }

  /** The piece at an address that is written; a hole throws, and so does what may only be read. */
  private Piece writable(long spa) {
    Piece piece = piece(spa);
    if (piece.isReadOnly) {
      throw new IllegalStateException(
          "physical memory at 0x%x may only be read: what hardware writes, A and D of entries too,"
                  .formatted(spa)
              + " must be added as a writable segment");
    }
    return piece;
  }

  private Piece pieceOrNone(long spa) {
    Piece first = favourite;
    if (first.holds(spa)) {
      return first;
    }
    int slot = (int) ((spa >>> 21) ^ (spa >>> 33)) & (HINTS - 1);
    Piece hint = hints[slot];
    return hint.holds(spa) ? hint : search(spa, slot);
  }

  private Piece search(long spa, int slot) {
    Piece[] now = pieces;
    int i = find(now, spa);
    if (i < 0) {
      return Piece.NONE;
    }
    hints[slot] = now[i];
    favourite = now[i];
    return now[i];
  }

  /** Index of the piece that holds an address, or {@code -1 - insertion point}. */
  private static int find(Piece[] pieces, long spa) {
    int low = 0;
    int high = pieces.length - 1;
    while (low <= high) {
      int middle = (low + high) >>> 1;
      Piece piece = pieces[middle];
      if (piece.holds(spa)) {
        return middle;
      }
      if (Long.compareUnsigned(spa, piece.start) < 0) {
        high = middle - 1;
      } else {
        low = middle + 1;
      }
    }
    return -1 - low;
  }
}
