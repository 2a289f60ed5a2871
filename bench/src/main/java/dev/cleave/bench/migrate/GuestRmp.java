package dev.cleave.bench.migrate;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.machine.ModelRmp;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.hwmodel.rmp.ReverseMap;
import java.util.BitSet;

/**
 * The RMP of a guest that is migrated: private pages, in entries of 2 MiB where a region is whole
 * and private. Where leaves become smaller than that the entry must be smashed, and joined again
 * before they become large.
 *
 * <p>Not thread-safe.
 */
final class GuestRmp implements AutoCloseable {
  private final RmpBitmap bitmap;
  private final ModelRmp model;
  private final boolean hasLarge;

  /** Regions that may have an entry of 2 MiB, by number. */
  private final BitSet suited = new BitSet();

  /**
   * Assigns a guest's private pages to it.
   *
   * @param frames where its pages lie
   * @param map the RMP of the machine, in which nothing is assigned
   * @param hasLarge whether there are entries of 2 MiB: the table must have leaves of that size
   */
  GuestRmp(GuestMemory memory, GuestFrames frames, ReverseMap map, boolean hasLarge) {
    this.hasLarge = hasLarge;
    model = new ModelRmp(frames, map);
    bitmap = new RmpBitmap(memory.iovaEnd());
    for (Extent shared : memory.shared()) {
      if (shared.first() < bitmap.guestBytes()) {
        long end = Math.min(shared.last() + 1, bitmap.guestBytes());
        bitmap.share(shared.first(), end - shared.first());
      }
    }
    memory.extents().forEach(this::assign);
  }

  private void assign(Extent extent) {
    long end = extent.last() + 1;
    for (long at = extent.first(), next; at < end; at = next) {
      next = Math.min((at & -REGION_BYTES) + REGION_BYTES, end);
      boolean isWhole = next - at == REGION_BYTES && extent.paddrAt(at) % REGION_BYTES == 0;
      if (hasLarge && isWhole && bitmap.isPrivate(at)) {
        suited.set(number(at));
        bitmap.setLarge(at, REGION_BYTES, true);
        model.assign(at, REGION_BYTES, true);
      } else {
        for (long page = at; page < next; page += PAGE_BYTES) {
          if (!bitmap.isShared(page)) {
            model.assign(page, PAGE_BYTES, false);
          }
        }
      }
    }
  }

  private static int number(long region) {
    return (int) (region >>> REGION_LOG2);
  }

  /** Which leaf sizes are legal where. */
  SizeRule rule() {
    return bitmap.rule();
  }

  /** Leaves of a range become smaller than 2 MiB: PSMASH where an entry is larger. */
  boolean smash(long first, long length) {
    boolean isAny = false;
    for (long region = first & -REGION_BYTES; region < first + length; region += REGION_BYTES) {
      if (bitmap.isLarge(region)) {
        bitmap.setLarge(region, REGION_BYTES, false);
        model.smash(region);
        isAny = true;
      }
    }
    return isAny;
  }

  /** Leaves of whole regions are to become large: entries are joined where they can be. */
  boolean unsmash(long first, long length) {
    boolean isAny = false;
    for (long region = first & -REGION_BYTES; region < first + length; region += REGION_BYTES) {
      if (suited.get(number(region)) && !bitmap.isLarge(region)) {
        model.unsmash(region);
        bitmap.setLarge(region, REGION_BYTES, true);
        isAny = true;
      }
    }
    return isAny;
  }

  @Override
  public void close() {
    bitmap.close();
  }
}
