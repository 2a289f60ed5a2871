package dev.cleave.bench.rival;

import dev.cleave.bench.extent.ExtentMap;

/**
 * A sorted map of extents, which knows no page sizes: runs of contiguous memory with equal access
 * are one extent, however long. Neighbours that fit are joined.
 */
public final class ExtentTable implements RivalTable {
  private final ExtentMap extents = new ExtentMap();

  @Override
  public void map(long iova, long paddr, long length, int access) {
    extents.join(iova, iova + length - 1, paddr, access);
  }

  @Override
  public long unmap(long iova, long length) {
    return extents.remove(iova, iova + length - 1);
  }

  @Override
  public long translate(long iova) {
    return extents.translate(iova);
  }
}
