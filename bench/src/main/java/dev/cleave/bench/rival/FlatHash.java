package dev.cleave.bench.rival;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;

import org.agrona.collections.Long2LongHashMap;

/**
 * A flat hash from page number to entry, 4 KiB pages only: Agrona's open-addressing map of {@code
 * long} to {@code long}. An entry is paddr and access flags, 0 is a hole.
 */
public final class FlatHash implements RivalTable {
  private static final long HOLE = 0;
  private static final long FLAGS = PAGE_BYTES - 1L;

  private final Long2LongHashMap entries = new Long2LongHashMap(HOLE);

  @Override
  public void map(long iova, long paddr, long length, int access) {
    for (long done = 0; done != length; done += PAGE_BYTES) {
      long page = (iova + done) >>> PAGE_LOG2;
      long before = entries.putIfAbsent(page, (paddr + done) | access);
      if (before != HOLE) {
        throw RivalTable.overlap(iova + done);
      }
    }
  }

  @Override
  public long unmap(long iova, long length) {
    long bytes = 0;
    for (long done = 0; done != length; done += PAGE_BYTES) {
      bytes += entries.remove((iova + done) >>> PAGE_LOG2) == HOLE ? 0 : PAGE_BYTES;
    }
    return bytes;
  }

  @Override
  public long translate(long iova) {
    long entry = entries.get(iova >>> PAGE_LOG2);
    return entry == HOLE ? NOT_MAPPED : (entry & ~FLAGS) | (iova & offsetMask(PAGE_LOG2));
  }
}
