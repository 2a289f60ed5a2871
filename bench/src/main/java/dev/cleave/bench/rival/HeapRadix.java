package dev.cleave.bench.rival;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.offsetMask;

import dev.cleave.bench.extent.ObjectBytes;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A radix table of {@code long[512]} arrays on the Java heap, 4 KiB pages only.
 *
 * <p>Three array loads lead to an entry, as three levels do in hardware's table; the uppermost
 * array is as long as the address space wants, so that terabytes need no fourth. An entry is paddr
 * and access flags, with the top flag for dirty, 0 is a hole. An array stays when its last entry
 * goes.
 */
public final class HeapRadix implements RivalTable {
  private static final int GIB_LOG2 = 30;
  private static final long FLAGS = PAGE_BYTES - 1L;
  private static final long DIRTY = 1L << 11;
  private static final VarHandle ENTRIES = MethodHandles.arrayElementVarHandle(long[].class);

  private final long[][][] root;

  /**
   * An empty table.
   *
   * @param limitBytes where the address space ends, at most 2^60
   */
  public HeapRadix(long limitBytes) {
    root = new long[(int) ((limitBytes - 1) >>> GIB_LOG2) + 1][][];
  }

  private static int index(long iova, int log2) {
    return (int) (iova >>> log2) & (TABLE_ENTRIES - 1);
  }

  @Override
  public void map(long iova, long paddr, long length, int access) {
    long end = iova + length;
    for (long at = iova; at != end; ) {
      long[] leaves = leaves(at);
      int from = index(at, PAGE_LOG2);
      int to = (int) Math.min(TABLE_ENTRIES, from + ((end - at) >>> PAGE_LOG2));
      checkFree(leaves, from, to, at);
      long entry = (paddr + (at - iova)) | access;
      for (int i = from; i < to; i++) {
        leaves[i] = entry + ((long) (i - from) << PAGE_LOG2);
      }
      at += (long) (to - from) << PAGE_LOG2;
    }
  }

  private static void checkFree(long[] leaves, int from, int to, long iova) {
    for (int i = from; i < to; i++) {
      if (leaves[i] != 0) {
        throw RivalTable.overlap(iova + ((long) (i - from) << PAGE_LOG2));
      }
    }
  }

  private long[] leaves(long iova) {
    int top = (int) (iova >>> GIB_LOG2);
    long[][] middle = root[top];
    if (middle == null) {
      middle = new long[TABLE_ENTRIES][];
      root[top] = middle;
    }
    int index = index(iova, REGION_LOG2);
    long[] leaves = middle[index];
    if (leaves == null) {
      leaves = new long[TABLE_ENTRIES];
      middle[index] = leaves;
    }
    return leaves;
  }

  @Override
  public long unmap(long iova, long length) {
    long end = iova + length;
    long pages = 0;
    for (long at = iova; at != end; ) {
      long[] leaves = find(at);
      int from = index(at, PAGE_LOG2);
      int to = (int) Math.min(TABLE_ENTRIES, from + ((end - at) >>> PAGE_LOG2));
      for (int i = from; leaves != null && i < to; i++) {
        pages += leaves[i] == 0 ? 0 : 1;
        leaves[i] = 0;
      }
      at += (long) (to - from) << PAGE_LOG2;
    }
    return pages << PAGE_LOG2;
  }

  private long[] find(long iova) {
    long[][] middle = root[(int) (iova >>> GIB_LOG2)];
    return middle == null ? null : middle[index(iova, REGION_LOG2)];
  }

  /** A device has written a page that is mapped. */
  public void setDirty(long iova) {
    var _ = (long) ENTRIES.getAndBitwiseOr(find(iova), index(iova, PAGE_LOG2), DIRTY);
  }

  /**
   * Says which pages of a range were written to, and makes them clean, each by one atomic step.
   *
   * @param iova first address, a multiple of 2 MiB
   * @param length bytes, likewise
   * @param bitmap gets bit {@code p % 64} of word {@code p / 64} for page {@code p} of the range
   * @return bytes that were dirty
   */
  public long readAndClearDirty(long iova, long length, long[] bitmap) {
    long pages = 0;
    int word = 0;
    for (long at = iova; at != iova + length; at += 1L << REGION_LOG2) {
      long[] leaves = find(at);
      for (int i = 0; i < TABLE_ENTRIES; i += Long.SIZE, word++) {
        long bits = leaves == null ? 0 : clearDirty(leaves, i);
        if (bits != 0) {
          bitmap[word] |= bits;
          pages += Long.bitCount(bits);
        }
      }
    }
    return pages << PAGE_LOG2;
  }

  /** Clears the dirty ones of 64 entries; returns a bit for each, the lowest for the first. */
  private static long clearDirty(long[] leaves, int from) {
    long bits = 0;
    for (int i = 0; i < Long.SIZE; i++) {
      if ((leaves[from + i] & DIRTY) != 0) {
        var _ = (long) ENTRIES.getAndBitwiseAnd(leaves, from + i, ~DIRTY);
        bits |= 1L << i;
      }
    }
    return bits;
  }

  @Override
  public long bytes() {
    long bytes =
        ObjectBytes.object(ObjectBytes.REFERENCE)
            + ObjectBytes.array(root.length, ObjectBytes.REFERENCE);
    for (long[][] middle : root) {
      if (middle != null) {
        bytes += ObjectBytes.array(middle.length, ObjectBytes.REFERENCE);
        for (long[] leaves : middle) {
          bytes += leaves == null ? 0 : ObjectBytes.array(leaves.length, Long.BYTES);
        }
      }
    }
    return bytes;
  }

  @Override
  public long translate(long iova) {
    long[] leaves = find(iova);
    if (leaves == null) {
      return NOT_MAPPED;
    }
    long entry = leaves[index(iova, PAGE_LOG2)];
    return entry == 0 ? NOT_MAPPED : (entry & ~FLAGS) | (iova & offsetMask(PAGE_LOG2));
  }
}
