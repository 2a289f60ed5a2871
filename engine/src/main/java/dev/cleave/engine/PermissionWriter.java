package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Changes what leaves allow, slot by slot, and keeps everything else, status bits included. It asks
 * the format nothing meanwhile, as {@link EntryMasks} tells. Thread-safe.
 */
final class PermissionWriter {
  private final TableTree tree;
  private final TablePages pages;
  private final EntryMasks masks;

  /** What a leaf has that allows a set of flags. */
  private final long[] permissions;

  /** The bits of a leaf that say nothing of what it allows. */
  private final long keptMask;

  PermissionWriter(TableTree tree) {
    EntryFormat format = tree.format;
    this.tree = tree;
    this.pages = tree.pages;
    this.masks = tree.masks;
    this.permissions = new long[RangeChecks.ACCESS_SETS];
    for (int access = 0; access < permissions.length; access++) {
      permissions[access] = format.canExpress(access) ? format.withPermissions(0, access) : 0;
    }
    this.keptMask = format.withPermissions(-1L, Access.READ) & ~permissions[Access.READ];
  }

  /**
   * Gives all leaves of a range of a locked table the same permissions. No leaf reaches over either
   * end.
   *
   * @return bytes that are mapped
   */
  long change(long table, int level, long first, long last, int access, IotlbGather gather) {
    return changeTo(table, level, first, last, permissions[access], gather);
  }

  private long changeTo(
      long table, int level, long first, long last, long allowed, IotlbGather gather) {
    long mask = offsetMask(entryLog2(level));
    long bytes = 0;
    int stores = 0;
    long at = first;
    while (true) {
      long end = Unsigned.min(at | mask, last);
      long slot = slotAt(table, index(at, level));
      long entry = pages.loadAcquire(slot);
      if (masks.isDirectory(entry, level)) {
        bytes += changeBelow(table, level, entry, at, end, allowed, gather);
      } else if (masks.isPresent(entry)) {
        bytes += mask + 1;
        if (allowing(entry, allowed) != entry) {
          replace(slot, entry, allowed);
          stores++;
          gather.add(at, end);
        }
      }
      if (end == last) {
        pages.count(table, 0, stores);
        return bytes;
      }
      at = end + 1;
    }
  }

  private long changeBelow(
      long table, int level, long entry, long first, long last, long allowed, IotlbGather gather) {
    long child = tree.lockChild(table, level, first, entry);
    if (child == TableTree.NONE) {
      return 0;
    }
    long bytes = changeTo(child, level - 1, first, last, allowed, gather);
    tree.unlock(child);
    return bytes;
  }

  private long allowing(long entry, long allowed) {
    return (entry & keptMask) | allowed;
  }

  private void replace(long slot, long seen, long allowed) {
    long entry = seen;
    while (!pages.compareAndSet(slot, entry, allowing(entry, allowed))) {
      entry = pages.loadAcquire(slot); // hardware set a status bit
    }
  }
}
