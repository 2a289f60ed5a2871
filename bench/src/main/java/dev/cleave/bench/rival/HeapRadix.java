package dev.cleave.bench.rival;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;
import static dev.cleave.engine.format.Geometry.offsetMask;

/**
 * A radix table of {@code long[512]} arrays on the Java heap, 4 KiB pages only.
 *
 * <p>Three array loads lead to an entry, as three levels do in hardware's table; the uppermost
 * array is as long as the address space wants, so that terabytes need no fourth. An entry is paddr
 * and access flags, 0 is a hole. An array stays when its last entry goes.
 */
public final class HeapRadix implements RivalTable {
  private static final int GIB_LOG2 = 30;
  private static final long FLAGS = PAGE_BYTES - 1L;

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
