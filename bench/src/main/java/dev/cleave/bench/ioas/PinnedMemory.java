package dev.cleave.bench.ioas;

import dev.cleave.engine.ioas.Backing;
import dev.cleave.engine.ioas.Errno;

/**
 * What one MAP or MAP_FILE pins: copies of its areas share it. Each object counts its own pages
 * against the limit of locked memory, if it counts at all.
 */
final class PinnedMemory implements Backing {
  private final UserMemory memory;
  private final boolean isFile;
  private final boolean isCounted;

  PinnedMemory(UserMemory memory, boolean isFile, boolean isCounted) {
    this.memory = memory;
    this.isFile = isFile;
    this.isCounted = isCounted;
  }

  /** Whether whoever mapped it could not lock as much as he liked. */
  boolean isCounted() {
    return isCounted;
  }

  @Override
  public long paddr(long offset, boolean isWritten) {
    return isFile ? memory.filePaddr(offset) : memory.userPaddr(offset, isWritten);
  }

  @Override
  public long contiguous(long offset, long length) {
    return isFile ? memory.fileContiguous(offset, length) : memory.userContiguous(offset, length);
  }

  @Override
  public Errno refusal() {
    return isFile ? Errno.EINVAL : Errno.EFAULT;
  }
}
