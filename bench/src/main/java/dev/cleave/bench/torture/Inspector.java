package dev.cleave.bench.torture;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.hwmodel.iommu.HostEntry;
import java.util.List;
import java.util.concurrent.locks.StampedLock;

/**
 * Looks at tables that nobody is changing, by the hardware model's account of entries.
 *
 * <p>Thread-safe.
 */
final class Inspector {
  private final TablePages pages;
  private final PageTable table;
  private final Space space;
  private final Verdict verdict;

  Inspector(TablePages pages, PageTable table, Space space, Verdict verdict) {
    this.pages = pages;
    this.table = table;
    this.space = space;
    this.verdict = verdict;
  }

  /**
   * Whether every page that a device wrote to is dirty, in any replica of its leaf, but for pages
   * that were read as dirty and whose flush has not completed.
   */
  void inspect(int from, int count) {
    for (int page = from; page < from + count; page++) {
      int view = space.hardware.after(page);
      boolean isWritten =
          view != PageViews.NOT_MAPPED
              && space.hardware.isSettled(page)
              && space.isWritten(page, PageViews.generation(view));
      if (isWritten && (statusOf(space.iova(page)) & HostEntry.DIRTY) == 0) {
        verdict.violation(
            page,
            "a device has written to page %d at iova 0x%x (%s), and it is not dirty"
                .formatted(page, space.iova(page), PageViews.describe(view)));
      }
    }
  }

  /** Looks at a region, if it can be had, while no device does anything. */
  void inspectQuietly(int region, List<Device> devices) {
    StampedLock lock = space.lock(region);
    long stamp = lock.tryWriteLock();
    if (stamp == 0) {
      return;
    }
    if (space.canInspect(region)) {
      devices.forEach(Device::beginInvalidation);
      inspect(region * Space.REGION_PAGES, Space.REGION_PAGES);
      devices.forEach(Device::endInvalidation);
    }
    lock.unlock(stamp);
  }

  private long statusOf(long iova) {
    long top = table.top();
    int level = PageTable.levels(top);
    long in = PageTable.root(top);
    while (true) {
      long at = HostEntry.slot(in, level, iova);
      long entry = pages.loadAcquire(at);
      if ((entry & HostEntry.PRESENT) == 0) {
        return 0;
      }
      int next = HostEntry.nextLevel(entry);
      if (next == HostEntry.LEAF) {
        return entry;
      }
      if (next == HostEntry.SIZED_LEAF) {
        int replicas = 1 << (HostEntry.sizedLeafLog2(entry) - HostEntry.coverLog2(level));
        long first = at & -(8L * replicas);
        long status = 0;
        for (int i = 0; i < replicas; i++) {
          status |= pages.loadAcquire(first + 8L * i);
        }
        return status;
      }
      in = entry & HostEntry.ADDRESS;
      level = next;
    }
  }

  /**
   * Checks all at the end: every page translates as it should, and there are as many table pages in
   * use as can be reached.
   */
  void inspectAll() {
    inspect(0, Space.PAGES);
    for (int page = 0; page < Space.PAGES; page++) {
      int view = space.hardware.after(page);
      long expected =
          view == PageViews.NOT_MAPPED
              ? PageTable.NOT_MAPPED
              : Space.paddr(page, PageViews.generation(view));
      long found = table.translate(space.iova(page));
      if (found != expected) {
        verdict.violation(
            page,
            "page %d at iova 0x%x leads to 0x%x at the end, expected 0x%x"
                .formatted(page, space.iova(page), found, expected));
      }
    }
    long top = table.top();
    long reached = tables(PageTable.root(top), PageTable.levels(top)) * Space.PAGE_BYTES;
    if (reached != pages.usedBytes()) {
      verdict.violation(
          -1,
          "%d bytes of tables can be reached, %d are in use".formatted(reached, pages.usedBytes()));
    }
  }

  private long tables(long in, int level) {
    long tables = 1;
    for (int i = 0; level > 1 && i < 512; i++) {
      long entry = pages.loadAcquire(in + 8L * i);
      boolean isDirectory =
          (entry & HostEntry.PRESENT) != 0 && !HostEntry.isLeaf(HostEntry.nextLevel(entry));
      tables += isDirectory ? tables(entry & HostEntry.ADDRESS, level - 1) : 0;
    }
    return tables;
  }
}
