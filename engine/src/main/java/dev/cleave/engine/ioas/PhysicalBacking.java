package dev.cleave.engine.ioas;

/** All of physical memory: an offset is a paddr. */
final class PhysicalBacking implements Backing {
  static final PhysicalBacking INSTANCE = new PhysicalBacking();

  private PhysicalBacking() {}

  @Override
  public long paddr(long offset, boolean isWritten) {
    return offset;
  }

  @Override
  public long contiguous(long offset, long length) {
    return length;
  }
}
