package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.machine.ModelRmp;
import dev.cleave.bench.machine.Window;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpPort;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The RMP of the replayed guest, as far as leaf sizes depend on it: what is really assigned and in
 * which size, beside the {@link RmpBitmap} of what the VMM knows or is about to do.
 *
 * <p>While an event is carried out the two differ for a moment. After every step {@link #look}
 * compares the leaves with what the RMP says then: a region where they disagree is one where a DMA
 * would have faulted, and is counted once an event.
 *
 * <p>Not thread-safe.
 */
final class SimulatedRmp implements RmpPort, AutoCloseable {

  private final RmpBitmap actual;
  private final boolean isLargeAllowed;

  /** Regions whose memory is contiguous and lies right, by number. */
  private final BitSet suited = new BitSet();

  private final GuestFrames frames;
  private final List<LeafCursor> mapped;
  private final List<RmpWatch> watches;
  private final @Nullable Hardware hardware;
  private final @Nullable ModelRmp model;
  private boolean isStalled;
  private long exchanges;
  private long first;
  private long last = -1;

  /**
   * An RMP whose pages are all private with entries of 4 KiB.
   *
   * @param actual where it notes what is really assigned; it closes that with itself
   * @param isLargeAllowed whether there are 2 MiB entries at all
   * @param frames where guest pages lie
   * @param tables all tables
   * @param watches what {@link #look} looks at; it takes time
   * @param hardware a model that is to be told of everything, or null
   */
  SimulatedRmp(
      RmpBitmap actual,
      boolean isLargeAllowed,
      GuestFrames frames,
      List<PageTable> tables,
      List<RmpWatch> watches,
      @Nullable Hardware hardware) {
    this.actual = actual;
    this.isLargeAllowed = isLargeAllowed;
    this.frames = frames;
    this.mapped = tables.stream().map(PageTable::leaves).toList();
    this.watches = watches;
    this.hardware = hardware;
    this.model = hardware == null ? null : hardware.rmp();
  }

  /** Begins an event about a range of guest memory. */
  void beginWatch(long gpa, long length) {
    first = gpa & -REGION_BYTES;
    last = gpa + length - 1;
    watches.forEach(RmpWatch::begin);
  }

  /** The event has ended: until the next one there is nothing to look at. */
  void endWatch() {
    first = 0;
    last = -1;
  }

  /** Compares leaves and RMP in the range of the event, and lets devices try it. */
  void look(Window window) {
    if (watches.isEmpty() || isStalled) {
      return;
    }
    if (hardware != null) {
      hardware.look(window, first, last);
    }
    for (RmpWatch watch : watches) {
      watch.look(actual, first, last);
    }
  }

  /** Whether the RMP allows a leaf in all the regions that it reaches into. */
  boolean isLegal(long iova, int sizeLog2) {
    long end = Math.min(iova + (1L << sizeLog2), actual.guestBytes());
    for (long gpa = iova; gpa < end; gpa += REGION_BYTES) {
      if (RmpWatch.isForbidden(actual, gpa, sizeLog2)) {
        return false;
      }
    }
    return true;
  }

  /** Times that a table's leaves and the RMP of a region disagreed during an event. */
  long mismatches(PageTable table) {
    for (RmpWatch watch : watches) {
      if (watch.isOf(table)) {
        return watch.mismatches();
      }
    }
    return 0;
  }

  /** What is really assigned, to be looked at. */
  RmpBitmap actual() {
    return actual;
  }

  /**
   * Regions that {@link #populate} would take their 2 MiB entry from: what is mapped there in part
   * again, or to another place.
   */
  List<GuestTables.Run> losing(long gpa, long paddr, long length) {
    List<GuestTables.Run> regions = new ArrayList<>();
    long end = length > actual.guestBytes() - gpa ? actual.guestBytes() : gpa + length;
    for (long at = gpa, next; at >= 0 && at < end; at = next) {
      long region = at & -REGION_BYTES;
      next = Math.min(region + REGION_BYTES, end);
      long place = paddr + (at - gpa);
      if (actual.isLarge(region) && !(next - at == REGION_BYTES && stays(region, place))) {
        regions.add(new GuestTables.Run(region, REGION_BYTES));
      }
    }
    return regions;
  }

  /** Whether a region that is mapped anew to a place may keep its 2 MiB entry. */
  private boolean stays(long region, long place) {
    return place % REGION_BYTES == 0 && frames.elsewhere(region, place, REGION_BYTES).isEmpty();
  }

  /**
   * Memory is about to be mapped to the guest: whole private regions that lie right, and that no
   * table maps yet, get 2 MiB entries. A page that lies elsewhere by now, and that no table maps,
   * is given back first. A region that is mapped in part again loses its 2 MiB entry.
   *
   * @param known what the VMM knows, kept equal; may be null
   * @return regions that have lost their entry: leaves there may have to be split
   */
  List<GuestTables.Run> populate(long gpa, long paddr, long length, @Nullable RmpBitmap known) {
    List<GuestTables.Run> smashed = new ArrayList<>();
    long end = length > actual.guestBytes() - gpa ? actual.guestBytes() : gpa + length;
    if (gpa >= 0 && gpa < end && isUntouched(gpa, paddr, end - gpa)) {
      frames.place(gpa, paddr, end - gpa);
      suited.set((int) (gpa >>> REGION_LOG2), (int) (end >>> REGION_LOG2));
      setLarge(gpa, end - gpa, true, known);
      return smashed;
    }
    for (long at = gpa, next; at >= 0 && at < end; at = next) {
      long region = at & -REGION_BYTES;
      next = Math.min(region + REGION_BYTES, end);
      long place = paddr + (at - gpa);
      boolean isFree = isFree(region, region + REGION_BYTES - 1);
      for (Extent pages : frames.elsewhere(at, place, next - at)) {
        if (isFree(pages.first(), pages.last())) {
          giveBack(region, pages, known, smashed);
        }
      }
      frames.place(at, place, next - at);
      boolean isWhole = next - at == REGION_BYTES && frames.isAt(at, place, REGION_BYTES);
      if (isLargeAllowed && isWhole && isFree && place % REGION_BYTES == 0) {
        suited.set((int) (region >>> REGION_LOG2));
        if (actual.isPrivate(region) && !actual.isLarge(region)) {
          setLarge(region, REGION_BYTES, true, known);
          if (model != null) {
            model.assign(region, REGION_BYTES, true);
          }
        } else {
          assignSmall(at, next);
        }
      } else {
        boolean fits = isWhole && place % REGION_BYTES == 0;
        if (!fits && actual.isLarge(region)) {
          lose(region, known, smashed);
        }
        assignSmall(at, next);
      }
    }
    return smashed;
  }

  /**
   * Whether a range is whole regions that all get 2 MiB entries, without a look at each: a guest of
   * terabytes, which is mapped before anything else happens, has millions.
   */
  private boolean isUntouched(long gpa, long paddr, long length) {
    return model == null
        && isLargeAllowed
        && ((gpa | paddr | length) & (REGION_BYTES - 1)) == 0
        && actual.sharedPages() == 0
        && isFree(gpa, gpa + length - 1)
        && frames.isEmpty(gpa, length)
        && frames.isFree(paddr, length);
  }

  /** Gives the guest the private pages of a region that has no 2 MiB entry. */
  private void assignSmall(long from, long end) {
    if (model != null && !actual.isLarge(from)) {
      forPages(from, end, false, page -> model.assign(page, PAGE_BYTES, false));
    }
  }

  /** The regions with a 2 MiB entry of which a range has only a part. */
  List<GuestTables.Run> cutBy(long iova, long length) {
    List<GuestTables.Run> regions = new ArrayList<>();
    for (long end : new long[] {iova, iova + length}) {
      long region = end & -REGION_BYTES;
      boolean isInside = end != region && Long.compareUnsigned(region, actual.guestBytes()) < 0;
      GuestTables.Run run = new GuestTables.Run(region, REGION_BYTES);
      if (isInside && actual.isLarge(region) && !regions.contains(run)) {
        regions.add(run);
      }
    }
    return regions;
  }

  /**
   * Regions lose their 2 MiB entries, since they are no longer mapped as a whole.
   *
   * @param known what the VMM knows, kept equal
   */
  void cut(List<GuestTables.Run> regions, RmpBitmap known) {
    regions.forEach(region -> lose(region.gpa(), known, new ArrayList<>()));
  }

  private void setLarge(long gpa, long length, boolean isLarge, @Nullable RmpBitmap known) {
    actual.setLarge(gpa, length, isLarge);
    if (known != null) {
      known.setLarge(gpa, length, isLarge);
    }
  }

  /** A region's 2 MiB entry becomes 512 of 4 KiB. */
  private void lose(long region, @Nullable RmpBitmap known, List<GuestTables.Run> smashed) {
    suited.clear((int) (region >>> REGION_LOG2));
    if (model != null) {
      model.smash(region);
    }
    setLarge(region, REGION_BYTES, false, known);
    smashed.add(new GuestTables.Run(region, REGION_BYTES));
  }

  /** Pages of a region are the guest's no longer. */
  private void giveBack(
      long region, Extent pages, @Nullable RmpBitmap known, List<GuestTables.Run> smashed) {
    suited.clear((int) (region >>> REGION_LOG2));
    if (actual.isLarge(region)) {
      lose(region, known, smashed);
    }
    if (model != null) {
      forPages(
          pages.first(), pages.last() + 1, false, page -> model.unassign(page, PAGE_BYTES, false));
    }
    frames.remove(pages);
  }

  private boolean isFree(long first, long last) {
    return mapped.stream().noneMatch(leaves -> leaves.over(first, last).advance());
  }

  private interface PageVisitor {
    void visit(long gpa);
  }

  /** Visits the pages of a range that are shared, or those that are not. */
  private void forPages(long from, long end, boolean areShared, PageVisitor visitor) {
    for (long page = from; page < end; page += PAGE_BYTES) {
      if (actual.isShared(page) == areShared) {
        visitor.visit(page);
      }
    }
  }

  @Override
  public void smash(long gpa) {
    if (actual.isLarge(gpa)) {
      actual.setLarge(gpa, REGION_BYTES, false);
      if (model != null) {
        model.smash(gpa);
      }
    }
    look(Window.SMASHED);
  }

  @Override
  public boolean unsmash(long gpa) {
    if (!actual.isLarge(gpa)) {
      actual.setLarge(gpa, REGION_BYTES, true);
      if (model != null) {
        model.unsmash(gpa);
      }
    }
    look(Window.UNSMASHED);
    return true;
  }

  @Override
  public void unassign(long gpa, long length) {
    if (model != null) {
      long end = gpa + length;
      for (long at = gpa, next; at < end; at = next) {
        next = Math.min((at & -REGION_BYTES) + REGION_BYTES, end);
        if (actual.isLarge(at)) {
          model.unassign(at, REGION_BYTES, true);
        } else {
          forPages(at, next, false, page -> model.unassign(page, PAGE_BYTES, false));
        }
      }
    }
    actual.share(gpa, length);
    look(Window.UNASSIGNED);
  }

  @Override
  public void assign(long gpa, long length, boolean isLarge) {
    if (model != null) {
      if (isLarge) {
        model.assign(gpa, length, true);
      } else {
        forPages(gpa, gpa + length, true, page -> model.assign(page, PAGE_BYTES, false));
      }
    }
    actual.unshare(gpa, length);
    if (isLarge) {
      actual.setLarge(gpa, length, true);
    }
    look(Window.ASSIGNED);
  }

  @Override
  public boolean canBeLarge(long gpa, long length) {
    int region = (int) (gpa >>> REGION_LOG2);
    int end = (int) ((gpa + length) >>> REGION_LOG2);
    return suited.nextClearBit(region) >= end;
  }

  @Override
  public boolean canExchange(long gpa) {
    return model != null && actual.isLarge(gpa) && model.holds(gpa);
  }

  @Override
  public boolean exchange(long gpa, long slot, long table) {
    if (model == null) {
      return false;
    }
    model.exchange(gpa, slot, table);
    actual.setLarge(gpa, REGION_BYTES, false);
    exchanges++;
    look(Window.EXCHANGED);
    return true;
  }

  /** How often table and RMP have been changed by one step of the model's. */
  long exchanges() {
    return exchanges;
  }

  @Override
  public void stalled(Runnable change) {
    isStalled = true;
    if (hardware == null) {
      change.run();
    } else {
      hardware.stalled(change);
    }
    isStalled = false;
    look(Window.EXCHANGED);
  }

  @Override
  public void close() {
    actual.close();
  }
}
