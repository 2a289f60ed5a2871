package dev.cleave.bench.image.rmp;

import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.util.Optional;

/**
 * The raw entries of a machine's RMP, as far as they are known. What the RMP does not cover is the
 * hypervisor's, which an entry of zeros says as well.
 *
 * <p>Thread-safe if what it reads is.
 */
public interface Rmp {
  /** An entry of zeros: the hypervisor's. */
  Entry HYPERVISORS = new Entry(0, 0);

  /**
   * A raw entry.
   *
   * @param low the first word of {@link RmpEntry}
   * @param high the second
   */
  record Entry(long low, long high) {
    /** Whether it is not the hypervisor's. */
    public boolean isAssigned() {
      return RmpEntry.isAssigned(low);
    }

    /** Whether it is that of a page of 2 MiB. */
    public boolean isLarge() {
      return RmpEntry.isLarge(low);
    }
  }

  /** What the RMP says of a region of 2 MiB. */
  enum Region {
    /** One private page of 2 MiB. */
    LARGE,
    /** Nothing of it is assigned. */
    SHARED,
    /** Anything else: some pages are assigned, each for itself. */
    PAGES,
    /** It cannot be told. */
    UNKNOWN
  }

  /**
   * The entry at the place of a page. Inside a page of 2 MiB only the first 4 KiB have one.
   *
   * @param spa any address of the page
   * @return the entry, empty where it is not known
   */
  Optional<Entry> at(long spa);

  /**
   * Where what the RMP tells ends: from there on, {@link #at} says the same of every page.
   *
   * @return an address, 2 MiB-aligned
   */
  long end();

  /**
   * The entry that describes a page: that of its region's first page if the region is one page,
   * else its own.
   *
   * @param spa any address of the page
   * @return the entry, empty where it is not known
   */
  default Optional<Entry> of(long spa) {
    Optional<Entry> head = at(spa & -Geometry.REGION_BYTES);
    return head.isPresent() && head.get().isLarge() ? head : at(spa);
  }

  /**
   * What is known of a region. The count that its first entry keeps of the others is believed where
   * they cannot be looked at, and not where they can.
   *
   * @param spa any address of the region
   */
  default Region region(long spa) {
    long first = spa & -Geometry.REGION_BYTES;
    Optional<Entry> head = at(first);
    if (head.isPresent() && head.get().isLarge()) {
      return Region.LARGE;
    }
    boolean isAnyUnknown = false;
    for (long page = first; page != first + Geometry.REGION_BYTES; page += Geometry.PAGE_BYTES) {
      Optional<Entry> entry = at(page);
      if (entry.isPresent() && entry.get().isAssigned()) {
        return Region.PAGES;
      }
      isAnyUnknown |= entry.isEmpty();
    }
    if (!isAnyUnknown) {
      return Region.SHARED;
    }
    if (head.isEmpty()) {
      return Region.UNKNOWN;
    }
    return RmpEntry.subpages(head.get().low()) == 0 ? Region.SHARED : Region.PAGES;
  }
}
