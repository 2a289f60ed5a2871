package dev.cleave.bench.rival;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.rmp.RmpBitmap;

/**
 * Follows the RMP without split or merge: a region whose legal leaf size changes is unmapped and
 * mapped again. In between devices meet a gap. Works on the engine's own table, so that what is
 * compared is the way, not the table.
 *
 * <p>Every region it is asked about is mapped whole, to contiguous memory, read-write.
 */
public final class RemapFollower implements ShareRival {

  private final PageTable table;
  private final RmpBitmap bitmap;
  private final IotlbGather gather;
  private final boolean isPageByPage;

  /**
   * A follower of one table.
   *
   * @param table whose iovas are guest physical addresses
   * @param bitmap what is known of the RMP; kept up to date from now on
   * @param isPageByPage whether small leaves are mapped and unmapped by one call each, as AMD's
   *     experiment did, and not by one call a region
   */
  public RemapFollower(PageTable table, RmpBitmap bitmap, boolean isPageByPage) {
    this.table = table;
    this.bitmap = bitmap;
    this.isPageByPage = isPageByPage;
    this.gather = table.newGather();
  }

  @Override
  public void share(long gpa, long length) {
    boolean wasLarge = bitmap.allowsLarge(gpa);
    bitmap.share(gpa, length);
    remapIfChanged(gpa & -REGION_BYTES, wasLarge);
  }

  @Override
  public void unshare(long gpa, long length) {
    long region = gpa & -REGION_BYTES;
    boolean wasLarge = bitmap.allowsLarge(gpa);
    bitmap.unshare(gpa, length);
    if (bitmap.isPrivate(region)) {
      bitmap.setLarge(region, REGION_BYTES, true);
    }
    remapIfChanged(region, wasLarge);
  }

  private void remapIfChanged(long region, boolean wasLarge) {
    boolean isLarge = bitmap.allowsLarge(region);
    if (isLarge == wasLarge) {
      return;
    }
    long paddr = table.translate(region);
    long unmapStep = isPageByPage && !wasLarge ? PAGE_BYTES : REGION_BYTES;
    for (long at = region; at != region + REGION_BYTES; at += unmapStep) {
      var _ = table.unmap(at, unmapStep, gather);
    }
    gather.complete();
    long mapStep = isPageByPage && !isLarge ? PAGE_BYTES : REGION_BYTES;
    for (long done = 0; done != REGION_BYTES; done += mapStep) {
      table.map(region + done, paddr + done, mapStep, Access.READ_WRITE, bitmap.rule());
    }
  }
}
