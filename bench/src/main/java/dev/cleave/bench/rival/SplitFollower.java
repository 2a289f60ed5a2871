package dev.cleave.bench.rival;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpFollower;
import dev.cleave.engine.rmp.RmpPort;

/**
 * The engine's own way, hitless split and merge, with an RMP and an IOTLB that cost nothing: what
 * remains is the table, the bitmap and the gather.
 */
public final class SplitFollower implements ShareRival, AutoCloseable {
  private final RmpFollower follower;

  /** A follower of one table whose iovas are guest physical addresses. */
  public SplitFollower(PageTable table, RmpBitmap bitmap) {
    follower =
        new RmpFollower(
            table, bitmap, new FreePort(), (_, _) -> {}, RmpFollower.Order.TABLE_FIRST, false);
  }

  @Override
  public void share(long gpa, long length) {
    follower.share(gpa, length);
  }

  @Override
  public void unshare(long gpa, long length) {
    follower.unshare(gpa, length);
  }

  @Override
  public void close() {
    follower.close();
  }

  /** An RMP that agrees to everything at once. */
  private static final class FreePort implements RmpPort {
    @Override
    public void smash(long gpa) {}

    @Override
    public boolean unsmash(long gpa) {
      return true;
    }

    @Override
    public void unassign(long gpa, long length) {}

    @Override
    public void assign(long gpa, long length, boolean isLarge) {}

    @Override
    public boolean canBeLarge(long gpa, long length) {
      return true;
    }

    @Override
    public void stalled(Runnable change) {
      change.run();
    }
  }
}
