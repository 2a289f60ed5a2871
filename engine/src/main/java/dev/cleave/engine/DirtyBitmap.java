package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;

import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import dev.cleave.engine.memory.NativePages;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Which pages of a range are dirty: one bit for each page, off heap. {@link
 * PageTable#readAndClearDirty} sets bits and never clears any, so that one bitmap may collect from
 * several passes, or from several tables.
 *
 * <pre>
 *   page p of the range: bit p mod 64 of little-endian word p / 64
 * </pre>
 *
 * <p>Pages may be larger than those of the table: a page is dirty when any part of it is. Nothing
 * is allocated after construction but by the first {@link PageTable#readDirty}. One writer at a
 * time, which is whoever the bitmap is handed to; words that the caller shares with others are read
 * and written back whole.
 */
public final class DirtyBitmap {
  /** What {@link #nextDirty} returns behind the last dirty page. */
  public static final long NONE = -1;

  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int WORD_LOG2 = 6;
  private static final TableKernels KERNELS = Kernels.chosen();

  private final MemorySegment bits;
  private final long first;
  private final long last;
  private final int pageLog2;

  private @Nullable SeenTables seen;

  /**
   * A bitmap of clean pages; its memory is freed with this object.
   *
   * @param iova first address, a multiple of the page
   * @param length bytes, a positive multiple of the page; the range may end at 2^64
   * @param pageLog2 logarithm of the bytes that a bit stands for, 12 to 63
   * @throws IllegalArgumentException if one is not as it must be
   */
  public DirtyBitmap(long iova, long length, int pageLog2) {
    this(allocate(bytesFor(iova, length, pageLog2)), iova, length, pageLog2);
  }

  private DirtyBitmap(MemorySegment bits, long iova, long length, int pageLog2) {
    this.bits = bits;
    this.first = iova;
    this.last = iova + length - 1;
    this.pageLog2 = pageLog2;
  }

  /** The same as {@link #bytesFor(long, int)} for a range that is checked as well. */
  private static long bytesFor(long iova, long length, int pageLog2) {
    long bytes = bytesFor(length, pageLog2);
    boolean wraps = Long.compareUnsigned(iova + length - 1, iova) < 0;
    if (wraps && length < 0) {
      throw new IllegalArgumentException(
          "length=%d is negative: a bitmap must end at or below 2^64, iova=0x%x"
              .formatted(length, iova));
    }
    if ((iova & offsetMask(pageLog2)) != 0 || wraps) {
      throw new IllegalArgumentException(
          "a bitmap must begin on a page of 2^%d bytes and end at or below 2^64, iova=0x%x, length=0x%x"
              .formatted(pageLog2, iova, length));
    }
    return bytes;
  }

  /**
   * A bitmap in memory of the caller's, with what is set there already.
   *
   * @param bits at least {@link #bytesFor} bytes, 8-byte aligned; it must outlive this object
   * @param iova first address, a multiple of the page
   * @param length bytes, a positive multiple of the page; the range may end at 2^64
   * @param pageLog2 logarithm of the bytes that a bit stands for, 12 to 63
   * @return the bitmap
   * @throws IllegalArgumentException if one is not as it must be
   */
  public static DirtyBitmap over(MemorySegment bits, long iova, long length, int pageLog2) {
    long bytes = bytesFor(iova, length, pageLog2);
    if (bits.byteSize() < bytes || bits.address() % Long.BYTES != 0) {
      throw new IllegalArgumentException(
          "a bitmap must be 8-byte aligned and have %d bytes, address=0x%x, bytes=%d"
              .formatted(bytes, bits.address(), bits.byteSize()));
    }
    return new DirtyBitmap(bits.asSlice(0, bytes), iova, length, pageLog2);
  }

  /**
   * Memory that a bitmap takes.
   *
   * @param length bytes of the range, a positive multiple of the page
   * @param pageLog2 logarithm of the bytes that a bit stands for, 12 to 63
   * @return bytes, a multiple of 8
   * @throws IllegalArgumentException if one is not as it must be
   */
  public static long bytesFor(long length, int pageLog2) {
    if (pageLog2 < PAGE_LOG2 || pageLog2 >= Long.SIZE) {
      throw new IllegalArgumentException(
          "the page of a bitmap must be 2^12 to 2^63 bytes, pageLog2=" + pageLog2);
    }
    if (length == 0 || (length & offsetMask(pageLog2)) != 0) {
      throw new IllegalArgumentException(
          "length must be a positive multiple of 2^%d, length=0x%x".formatted(pageLog2, length));
    }
    return ((((length >>> pageLog2) - 1) >>> WORD_LOG2) + 1) * Long.BYTES;
  }

  private static MemorySegment allocate(long bytes) {
    long pageMask = PAGE_BYTES - 1;
    return NativePages.reserve((bytes + pageMask) & ~pageMask, Arena.ofAuto()).asSlice(0, bytes);
  }

  // ---- what it is ----------------------------------------------------------------------------

  /** {@return the first address of its range} */
  public long firstIova() {
    return first;
  }

  /** {@return the last address of its range, inclusive} */
  public long lastIova() {
    return last;
  }

  /** {@return logarithm of the bytes that a bit stands for} */
  public int pageLog2() {
    return pageLog2;
  }

  /**
   * {@return a view of the words themselves, to copy or to send; bits behind the last page are 0}
   */
  public MemorySegment bits() {
    return bits;
  }

  /** Whether a range lies in this one. */
  boolean covers(long from, long to) {
    return Long.compareUnsigned(from, first) >= 0 && Long.compareUnsigned(to, last) <= 0;
  }

  /** The bit that stands for an address. */
  long bit(long iova) {
    return (iova - first) >>> pageLog2;
  }

  /** {@return for a person: its range, its page, and how many are dirty} */
  @Override
  public String toString() {
    return "DirtyBitmap[0x%x..0x%x, pages of 2^%d bytes, %d dirty]"
        .formatted(first, last, pageLog2, dirtyPages());
  }

  // ---- bits ----------------------------------------------------------------------------------

  private long word(long index) {
    return bits.get(WORD, index * Long.BYTES);
  }

  /** Marks every page that a range reaches into. */
  void set(long from, long to) {
    long firstBit = bit(from);
    long lastBit = bit(to);
    long lastWord = lastBit >>> WORD_LOG2;
    for (long index = firstBit >>> WORD_LOG2; index <= lastWord; index++) {
      long mask = -1L;
      if (index == firstBit >>> WORD_LOG2) {
        mask &= -1L << firstBit;
      }
      if (index == lastWord) {
        mask &= -1L >>> (Long.SIZE - 1 - lastBit);
      }
      bits.set(WORD, index * Long.BYTES, word(index) | mask);
    }
  }

  /** What who looks and clears nothing needs for itself; others have it of their gather. */
  SeenTables seen() {
    SeenTables made = seen;
    if (made == null) {
      made = new SeenTables();
      seen = made;
    }
    return made;
  }

  /** Reads the words of a range, so that they are near when they are written. */
  long fetch(long from, long to) {
    long firstWord = bit(from) >>> WORD_LOG2;
    long lastWord = bit(to) >>> WORD_LOG2;
    return KERNELS.or(bits, firstWord * Long.BYTES, (int) (lastWord - firstWord) + 1);
  }

  /** Marks the pages of 4 KiB that bits stand for, the lowest for the one at an address. */
  void setPages(long iova, long pages) {
    if (pageLog2 != PAGE_LOG2) {
      for (long left = pages; left != 0; left &= left - 1) {
        long page = iova + ((long) Long.numberOfTrailingZeros(left) << PAGE_LOG2);
        set(page, page);
      }
      return;
    }
    long bit = bit(iova);
    long at = (bit >>> WORD_LOG2) * Long.BYTES;
    bits.set(WORD, at, bits.get(WORD, at) | pages << bit);
    long behind = pages >>> 1 >>> (~bit & Long.SIZE - 1);
    if (behind != 0) {
      bits.set(WORD, at + Long.BYTES, bits.get(WORD, at + Long.BYTES) | behind);
    }
  }

  /**
   * Whether a page is dirty.
   *
   * @param iova any address of it
   * @return false also outside the range
   */
  public boolean isDirty(long iova) {
    return covers(iova, iova) && (word(bit(iova) >>> WORD_LOG2) >>> bit(iova) & 1) != 0;
  }

  /**
   * Finds dirty pages one after the other.
   *
   * @param iova where to begin
   * @return first address of the first dirty page that ends at or above it, or {@link #NONE}
   */
  public long nextDirty(long iova) {
    if (Long.compareUnsigned(iova, last) > 0) {
      return NONE;
    }
    long at = bit(Unsigned.max(iova, first));
    long lastBit = bit(last);
    long index = at >>> WORD_LOG2;
    long left = word(index) & -1L << at;
    while (left == 0) {
      index++;
      if (index > lastBit >>> WORD_LOG2) {
        return NONE;
      }
      left = word(index);
    }
    long found = (index << WORD_LOG2) + Long.numberOfTrailingZeros(left);
    return found <= lastBit ? first + (found << pageLog2) : NONE;
  }

  /** {@return how many pages are dirty, which it counts} */
  public long dirtyPages() {
    long pages = 0;
    for (long index = 0; index < bits.byteSize() / Long.BYTES; index++) {
      pages += Long.bitCount(word(index));
    }
    return pages;
  }

  /** Makes all pages clean. */
  public void clear() {
    bits.fill((byte) 0);
  }
}
