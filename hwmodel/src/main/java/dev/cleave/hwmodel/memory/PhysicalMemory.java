package dev.cleave.hwmodel.memory;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A sparse physical address space: pieces of off-heap or file-backed memory at system physical
 * addresses, and holes between them. Who maps a file into a piece shares it with other processes.
 *
 * <p>All words are little-endian. Eight-byte accesses are atomic and must be 8-byte aligned; reads
 * have acquire order, writes release order. The one exception: a segment that itself lies at an odd
 * address, as in a mapped core file, can be read only, and reads of a space that holds one are
 * plain.
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

  /**
   * Memory and where it stands.
   *
   * @param spa where the piece begins, 4 KiB-aligned
   * @param segment its bytes, a positive multiple of 4 KiB
   */
  public record Piece(long spa, MemorySegment segment) {
    long last() {
      return spa + segment.byteSize() - 1;
    }
  }

  /** The pieces, ascending and disjoint, as arrays so that a look-up touches little memory. */
  private static final class Pieces {
    static final Pieces NONE = new Pieces(new long[0], new long[0], new MemorySegment[0]);

    final long[] starts;
    final long[] lasts;
    final MemorySegment[] segments;

    /** Every segment is aligned as atomic access wants it. */
    final boolean aligned;

    Pieces(long[] starts, long[] lasts, MemorySegment[] segments) {
      this.starts = starts;
      this.lasts = lasts;
      this.segments = segments;
      this.aligned = Arrays.stream(segments).allMatch(s -> s.maxByteAlignment() >= Long.BYTES);
    }

    static Pieces of(List<Piece> sorted) {
      return new Pieces(
          sorted.stream().mapToLong(Piece::spa).toArray(),
          sorted.stream().mapToLong(Piece::last).toArray(),
          sorted.stream().map(Piece::segment).toArray(MemorySegment[]::new));
    }

    Stream<Piece> stream() {
      return IntStream.range(0, starts.length).mapToObj(i -> new Piece(starts[i], segments[i]));
    }

    /** Index of the piece that holds an address, or {@code -1 - insertion point}. */
    int find(long spa) {
      int low = 0;
      int high = starts.length - 1;
      while (low <= high) {
        int middle = (low + high) >>> 1;
        if (Long.compareUnsigned(spa, starts[middle]) < 0) {
          high = middle - 1;
        } else if (Long.compareUnsigned(spa, lasts[middle]) > 0) {
          low = middle + 1;
        } else {
          return middle;
        }
      }
      return -1 - low;
    }

    Pieces with(int at, long start, MemorySegment segment) {
      return new Pieces(
          insert(starts, at, start),
          insert(lasts, at, start + segment.byteSize() - 1),
          insert(segments, at, segment));
    }

    private static long[] insert(long[] from, int at, long value) {
      long[] to = Arrays.copyOf(from, from.length + 1);
      System.arraycopy(from, at, to, at + 1, from.length - at);
      to[at] = value;
      return to;
    }

    private static MemorySegment[] insert(MemorySegment[] from, int at, MemorySegment value) {
      MemorySegment[] to = Arrays.copyOf(from, from.length + 1);
      System.arraycopy(from, at, to, at + 1, from.length - at);
      to[at] = value;
      return to;
    }
  }

  private volatile Pieces pieces = Pieces.NONE;

  /** An address space of holes only. */
  public PhysicalMemory() {}

  /**
   * Fills a hole.
   *
   * @param spa where the piece begins, 4 KiB-aligned
   * @param segment its bytes, a positive multiple of 4 KiB
   * @throws IllegalArgumentException if it is misaligned, passes 2^64 or overlaps another piece
   */
  public synchronized void add(long spa, MemorySegment segment) {
    checkPiece(spa, segment.byteSize());
    Pieces old = pieces;
    int found = old.find(spa);
    int at = -1 - found;
    long last = spa + segment.byteSize() - 1;
    if (found >= 0 || (at < old.starts.length && Long.compareUnsigned(old.starts[at], last) <= 0)) {
      throw overlap(spa, segment.byteSize());
    }
    pieces = old.with(at, spa, segment);
  }

  /**
   * Fills many holes at once, where one after the other would take quadratic time.
   *
   * @param added the pieces, in any order
   * @throws IllegalArgumentException if one is misaligned, passes 2^64 or overlaps another piece;
   *     then none is added
   */
  public synchronized void addAll(List<Piece> added) {
    added.forEach(piece -> checkPiece(piece.spa, piece.segment.byteSize()));
    List<Piece> all =
        Stream.concat(pieces.stream(), added.stream())
            .sorted(Comparator.comparing(Piece::spa, Long::compareUnsigned))
            .toList();
    for (int i = 1; i < all.size(); i++) {
      Piece piece = all.get(i);
      if (Long.compareUnsigned(all.get(i - 1).last(), piece.spa) >= 0) {
        throw overlap(piece.spa, piece.segment.byteSize());
      }
    }
    pieces = Pieces.of(all);
  }

  private static IllegalArgumentException overlap(long spa, long bytes) {
    return new IllegalArgumentException(
        "pieces of physical memory must not overlap, address=0x%x, length=0x%x"
            .formatted(spa, bytes));
  }

  private static void checkPiece(long spa, long bytes) {
    if (spa % PAGE_BYTES != 0 || bytes <= 0 || bytes % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "a piece of physical memory must be whole 4096-byte pages, address=0x%x, length=0x%x"
              .formatted(spa, bytes));
    }
    long last = spa + bytes - 1;
    if (Long.compareUnsigned(last, spa) < 0) {
      throw new IllegalArgumentException(
          "a piece of physical memory must end at or below 2^64, address=0x%x, length=0x%x"
              .formatted(spa, bytes));
    }
  }

  /**
   * Whether there is memory at an address.
   *
   * @param spa any address
   * @return false in a hole
   */
  public boolean isBacked(long spa) {
    return pieces.find(spa) >= 0;
  }

  /**
   * Reads a word.
   *
   * @param spa address, 8-byte aligned
   * @return the word
   * @throws PhysicalMemoryFault in a hole
   */
  public long getLong(long spa) {
    Pieces now = pieces;
    int i = piece(now, spa);
    if (!now.aligned) {
      return now.segments[i].get(PLAIN_LONG, spa - now.starts[i]);
    }
    return (long) LONG.getAcquire(now.segments[i], spa - now.starts[i]);
  }

  /**
   * Writes a word.
   *
   * @param spa address, 8-byte aligned
   * @param value the word
   * @throws PhysicalMemoryFault in a hole
   */
  public void setLong(long spa, long value) {
    Pieces now = pieces;
    int i = piece(now, spa);
    LONG.setRelease(now.segments[i], spa - now.starts[i], value);
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
    Pieces now = pieces;
    int i = piece(now, spa);
    return LONG.compareAndSet(now.segments[i], spa - now.starts[i], expected, value);
  }

  private static int piece(Pieces now, long spa) {
    int i = now.find(spa);
    if (i < 0) {
      throw new PhysicalMemoryFault(spa);
    }
    return i;
  }
}
