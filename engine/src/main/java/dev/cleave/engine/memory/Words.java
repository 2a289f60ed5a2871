package dev.cleave.engine.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Little-endian 8-byte words of off-heap memory, by their offset in bytes, a multiple of 8.
 *
 * <p>Memory of our own is accessed through one segment that is all of the process's memory and
 * always alive: being a constant, it costs an access one comparison, where a segment of its own
 * costs a dozen instructions (benchmarks {@code SinglePage}: map 46 against 29 ns, and {@code
 * RandomTranslate}: 102 against 86 ns). What makes that safe: the offset is compared first, and the
 * memory stays mapped until nobody can reach this object. Memory of the caller's, whose life is not
 * ours to know, is accessed through its segment.
 *
 * <p>Hardly any access is plain: the JDK's ends in a method that C2 inlines where it thinks fit
 * ({@code Unsafe.getLongUnaligned}), and takes half as much again of what C2 takes in as a whole.
 *
 * <p>Thread-safe. After {@link #close} every access throws {@link IllegalStateException}; one that
 * is under way reads zeros, or writes what nobody will read.
 */
public final class Words implements AutoCloseable {
  private static final VarHandle WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

  /**
   * What an address may have set. To the compiler it proves that a word lies whole in all memory,
   * so that it leaves both of the JDK's checks out (benchmark {@code SinglePage}: unmap 12.4
   * against 12.0 ns).
   */
  private static final long ADDRESS_MASK = Long.MAX_VALUE >>> 1 & -Long.BYTES;

  private static final String CLOSED = "the table memory is closed";

  /** Null where the module is denied native access. */
  private static final @Nullable MemorySegment ALL_MEMORY = NativePages.allMemory();

  private final MemorySegment segment;
  private final boolean isOwn;
  private final long address;

  /** Offsets below it may be accessed directly. */
  private long limit;

  private volatile boolean isClosed;

  /** Why nothing can be accessed once it is closed. */
  private final String whyClosed;

  private Words(MemorySegment segment, boolean isOwn, String whyClosed) {
    this.segment = segment;
    this.isOwn = isOwn;
    this.whyClosed = whyClosed;
    this.address = segment.address();
    this.limit =
        isOwn && ALL_MEMORY != null ? Math.max(segment.byteSize() - (Long.BYTES - 1), 0) : 0;
  }

  /**
   * Zeroed memory of our own, committed page by page at the first touch where the system can.
   *
   * @param bytes a positive multiple of 4096
   * @return its words
   * @throws OutOfMemoryError if the system refuses
   */
  public static Words reserve(long bytes) {
    return new Words(NativePages.reserve(bytes, Arena.ofAuto()), true, CLOSED);
  }

  /**
   * Memory of the caller's.
   *
   * @throws IllegalArgumentException if it is there no longer
   */
  static Words over(MemorySegment memory) {
    if (!memory.scope().isAlive()) {
      throw new IllegalArgumentException("memory must be there: its arena is closed");
    }
    return new Words(memory, false, CLOSED);
  }

  /**
   * No words at all: every access throws IllegalStateException.
   *
   * @param why what it says
   */
  static Words refused(String why) {
    Words none = new Words(MemorySegment.NULL, true, why);
    none.isClosed = true;
    return none;
  }

  /**
   * All of it, for those who check for themselves.
   *
   * @return the memory
   * @throws IllegalStateException if it is closed
   */
  public MemorySegment segment() {
    if (isGone()) {
      throw new IllegalStateException(
          isClosed ? whyClosed : "the arena of the table memory is closed");
    }
    return segment;
  }

  boolean isClosed() {
    return isClosed;
  }

  /** Whether it is closed, or memory of the caller's is there no longer. */
  boolean isGone() {
    return isClosed || (!isOwn && !segment.scope().isAlive());
  }

  private boolean isDirect(long offset) {
    return Long.compareUnsigned(offset, limit) < 0;
  }

  private long at(long offset) {
    return (address + offset) & ADDRESS_MASK;
  }

  long getPlain(long offset) {
    return isDirect(offset)
        ? (long) WORD.get(ALL_MEMORY, at(offset))
        : (long) WORD.get(segment(), offset);
  }

  /**
   * Loads a word.
   *
   * @param offset in bytes, a multiple of 8
   * @return the word
   */
  public long getOpaque(long offset) {
    return isDirect(offset)
        ? (long) WORD.getOpaque(ALL_MEMORY, at(offset))
        : (long) WORD.getOpaque(segment(), offset);
  }

  long getAcquire(long offset) {
    return isDirect(offset)
        ? (long) WORD.getAcquire(ALL_MEMORY, at(offset))
        : (long) WORD.getAcquire(segment(), offset);
  }

  /**
   * Stores a word.
   *
   * @param offset in bytes, a multiple of 8
   * @param value the word
   */
  public void setOpaque(long offset, long value) {
    if (isDirect(offset)) {
      WORD.setOpaque(ALL_MEMORY, at(offset), value);
    } else {
      WORD.setOpaque(segment(), offset, value);
    }
  }

  void setRelease(long offset, long value) {
    if (isDirect(offset)) {
      WORD.setRelease(ALL_MEMORY, at(offset), value);
    } else {
      WORD.setRelease(segment(), offset, value);
    }
  }

  boolean compareAndSet(long offset, long expected, long value) {
    return isDirect(offset)
        ? WORD.compareAndSet(ALL_MEMORY, at(offset), expected, value)
        : WORD.compareAndSet(segment(), offset, expected, value);
  }

  long getAndSet(long offset, long value) {
    return isDirect(offset)
        ? (long) WORD.getAndSet(ALL_MEMORY, at(offset), value)
        : (long) WORD.getAndSet(segment(), offset, value);
  }

  void or(long offset, long bits) {
    if (isDirect(offset)) {
      var _ = (long) WORD.getAndBitwiseOr(ALL_MEMORY, at(offset), bits);
    } else {
      var _ = (long) WORD.getAndBitwiseOr(segment(), offset, bits);
    }
  }

  void clear(long offset, long bits) {
    if (isDirect(offset)) {
      var _ = (long) WORD.getAndBitwiseAnd(ALL_MEMORY, at(offset), ~bits);
    } else {
      var _ = (long) WORD.getAndBitwiseAnd(segment(), offset, ~bits);
    }
  }

  // ---- words of our own that are accessed together -------------------------------------------

  /**
   * Checks once that several words are there.
   *
   * @param offset of the first
   * @param bytes from there to behind the last
   * @return where they lie for the methods below, which check nothing
   */
  long locate(long offset, int bytes) {
    long last = offset + bytes - Long.BYTES;
    if (!isDirect(last)) {
      var _ = getOpaque(last); // throws what is to be thrown
    }
    return ALL_MEMORY == null ? offset : address + offset;
  }

  private MemorySegment located() {
    assert isOwn;
    return ALL_MEMORY == null ? segment : ALL_MEMORY;
  }

  long getOpaqueAt(long place) {
    return (long) WORD.getOpaque(located(), place & ADDRESS_MASK);
  }

  long getAcquireAt(long place) {
    return (long) WORD.getAcquire(located(), place & ADDRESS_MASK);
  }

  void setReleaseAt(long place, long value) {
    WORD.setRelease(located(), place & ADDRESS_MASK, value);
  }

  boolean compareAndSetAt(long place, long expected, long value) {
    return WORD.compareAndSet(located(), place & ADDRESS_MASK, expected, value);
  }

  /** Gives memory of our own back; its address space goes when nobody can reach this object. */
  @Override
  public void close() {
    isClosed = true;
    limit = 0;
    if (isOwn) {
      var _ = NativePages.discard(segment);
    }
  }
}
