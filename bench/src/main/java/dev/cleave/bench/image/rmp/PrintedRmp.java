package dev.cleave.bench.image.rmp;

import dev.cleave.bench.dmesg.KernelLine;
import dev.cleave.bench.dmesg.KernelLines;
import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * What lines of dmesg tell of an RMP: single entries, and regions whose entries are zero where none
 * is told. Where one entry is told twice, the later line counts; everything else is not known.
 *
 * <p>Not thread-safe while lines are taken, thread-safe after that.
 */
public final class PrintedRmp implements Rmp {
  private static final long REGION_PAGES = RmpEntry.REGION_PAGES;

  private final Map<Long, Entry> entries = new HashMap<>();

  /** First pages of regions that were dumped as a whole. */
  private final Set<Long> regions = new HashSet<>();

  /** First pages of regions of which anything is known. */
  private final TreeSet<Long> touched = new TreeSet<>();

  /**
   * The RMP that a text tells of.
   *
   * @param name what to call the text
   * @param lines its lines; those that tell of no RMP entry are passed over
   * @throws BadInput if none does, or one cannot be read
   */
  public static PrintedRmp parse(String name, Iterable<String> lines) {
    PrintedRmp rmp = new PrintedRmp();
    long number = 0;
    for (String line : lines) {
      number++;
      try {
        rmp.take(KernelLines.parse(line));
      } catch (IllegalArgumentException e) {
        throw BadInput.at(name, number, e.getMessage());
      }
    }
    if (rmp.entries.isEmpty() && rmp.regions.isEmpty()) {
      throw BadInput.in(
          name,
          "no line tells of an RMP entry, expected such as SEV-SNP: PFN 0x200, RMP entry:"
              + " [0x80000000000007fd - 0x0000000000000000]");
    }
    return rmp;
  }

  private void take(KernelLine line) {
    switch (line) {
      case KernelLine.RmpEntry entry -> {
        check(entry.pfn());
        touched.add(entry.pfn() & -REGION_PAGES);
        entries.put(entry.pfn(), new Entry(entry.low(), entry.high()));
      }
      case KernelLine.RmpRegion region -> {
        check(region.first());
        if (region.first() % REGION_PAGES != 0 || region.end() - region.first() != REGION_PAGES) {
          throw new IllegalArgumentException(
              "a region is 512 pages from a multiple of 512 on, got 0x%x to 0x%x"
                  .formatted(region.first(), region.end()));
        }
        touched.add(region.first());
        // The dump that begins here is newer than all that was told of the region before.
        if (!regions.add(region.first())) {
          for (long pfn = region.first(); pfn < region.end(); pfn++) {
            entries.remove(pfn);
          }
        }
      }
      case KernelLine.Malformed bad -> throw new IllegalArgumentException(bad.problem());
      default -> {}
    }
  }

  private static void check(long pfn) {
    if (pfn >>> (Long.SIZE - Geometry.PAGE_LOG2) != 0) {
      throw new IllegalArgumentException("0x%x is no page frame number".formatted(pfn));
    }
  }

  @Override
  public Optional<Entry> at(long spa) {
    long pfn = spa >>> Geometry.PAGE_LOG2;
    Entry entry = entries.get(pfn);
    if (entry != null) {
      return Optional.of(entry);
    }
    return regions.contains(pfn & -REGION_PAGES) ? Optional.of(HYPERVISORS) : Optional.empty();
  }

  @Override
  public Region region(long spa) {
    return touched.contains(spa >>> Geometry.PAGE_LOG2 & -REGION_PAGES)
        ? Rmp.super.region(spa)
        : Region.UNKNOWN;
  }

  @Override
  public long end() {
    return (touched.last() + REGION_PAGES) << Geometry.PAGE_LOG2;
  }
}
