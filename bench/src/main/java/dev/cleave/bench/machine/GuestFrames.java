package dev.cleave.bench.machine;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.extent.ExtentMap;
import java.util.ArrayList;
import java.util.List;

/**
 * Where the pages of a guest lie. A page of the guest lies at one place, and a place holds one page
 * of the guest: what else a log maps there is no page of its own.
 *
 * <p>Not thread-safe.
 */
public final class GuestFrames {
  /** paddr by gpa. */
  private final ExtentMap places = new ExtentMap();

  /** gpa by paddr. */
  private final ExtentMap owners = new ExtentMap();

  /** A guest without memory. */
  public GuestFrames() {}

  /** The pages of a range that lie elsewhere than in contiguous memory from an address on. */
  public List<Extent> elsewhere(long gpa, long paddr, long length) {
    List<Extent> found = new ArrayList<>();
    for (Extent extent : places.over(gpa, gpa + length - 1)) {
      if (extent.paddr() != paddr + (extent.first() - gpa)) {
        found.add(extent);
      }
    }
    return found;
  }

  /** Pages go to contiguous memory: those that lie nowhere yet, where the place is free. */
  public void place(long gpa, long paddr, long length) {
    long last = gpa + length - 1;
    long at = gpa;
    for (Extent there : places.over(gpa, last)) {
      placeFree(at, paddr + (at - gpa), there.first() - at);
      at = there.last() + 1;
    }
    placeFree(at, paddr + (at - gpa), last + 1 - at);
  }

  private void placeFree(long gpa, long paddr, long length) {
    if (length == 0) {
      return;
    }
    long at = paddr;
    for (Extent owned : owners.over(paddr, paddr + length - 1)) {
      put(gpa + (at - paddr), at, owned.first() - at);
      at = owned.last() + 1;
    }
    put(gpa + (at - paddr), at, paddr + length - at);
  }

  private void put(long gpa, long paddr, long length) {
    if (length != 0) {
      places.join(gpa, gpa + length - 1, paddr, 0);
      owners.join(paddr, paddr + length - 1, gpa, 0);
    }
  }

  /** Pages are given back: they lie nowhere. */
  public void remove(Extent pages) {
    places.remove(pages.first(), pages.last());
    owners.remove(pages.paddr(), pages.paddrAt(pages.last()));
  }

  /** Whether a range lies, whole, in contiguous memory from an address on. */
  public boolean isAt(long gpa, long paddr, long length) {
    Extent extent = places.at(gpa);
    return extent != null && extent.holds(gpa + length - 1) && extent.paddrAt(gpa) == paddr;
  }

  /** Whether no page of a range lies anywhere. */
  public boolean isEmpty(long gpa, long length) {
    return places.isFree(gpa, gpa + length - 1);
  }

  /** Whether no page of the guest lies in a range of memory. */
  public boolean isFree(long paddr, long length) {
    return owners.isFree(paddr, paddr + length - 1);
  }

  /** Whether a page lies anywhere. */
  boolean holds(long gpa) {
    return places.at(gpa) != null;
  }

  /** Where a page lies, which is somewhere. */
  long spa(long gpa) {
    return places.translate(gpa);
  }
}
