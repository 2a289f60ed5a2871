package dev.cleave.bench.image.rmp;

import dev.cleave.bench.image.table.Rule;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Compares leaves with the RMP, as the IOMMU and the nested walk do. A leaf below 2 MiB may lead to
 * pages of the hypervisor's and to private pages of 4 KiB; one of 2 MiB and more, in each 2 MiB
 * piece, to one private page of 2 MiB or to memory that is the hypervisor's as a whole. A private
 * page must be the guest's own, at the guest's own address. Source: {@code docs/spec/rmp.md} §3.
 *
 * <p>Not thread-safe.
 */
public final class RmpJudge {
  private final Rmp rmp;
  private final int asid;

  /** The region looked at last; leaves come in order. */
  private long region = -1;

  private Rmp.Region state = Rmp.Region.UNKNOWN;

  /**
   * What the RMP says to a leaf.
   *
   * @param rule the first rule that is broken, of size, owner and gpa; null for none
   * @param detail where, and what is there; empty without a rule
   * @param isKnown whether all of it could be looked at
   */
  public record Verdict(@Nullable Rule rule, String detail, boolean isKnown) {}

  /**
   * A judge.
   *
   * @param rmp the RMP
   * @param asid the guest whose private pages the table may lead to, 0 for none
   */
  public RmpJudge(Rmp rmp, int asid) {
    this.rmp = rmp;
    this.asid = asid;
  }

  /** The guest whose private pages the table may lead to, 0 for none. */
  public int asid() {
    return asid;
  }

  /**
   * Whether a leaf of 2 MiB or more may lead to a region.
   *
   * @param spa any address of the region
   * @return true also where it is not known
   */
  public boolean allowsLarge(long spa) {
    return stateOf(spa) != Rmp.Region.PAGES;
  }

  private Rmp.Region stateOf(long spa) {
    if ((spa & -Geometry.REGION_BYTES) != region) {
      region = spa & -Geometry.REGION_BYTES;
      state = rmp.region(spa);
    }
    return state;
  }

  /**
   * Judges a leaf.
   *
   * @param iova its first address
   * @param spa where that leads
   * @param bytes what it translates, of which only whole pages count
   * @param leafBytes its size, which decides how it is checked
   */
  public Verdict judge(long iova, long spa, long bytes, long leafBytes) {
    return leafBytes >= Geometry.REGION_BYTES
        ? judgeLarge(iova, spa, bytes)
        : judgeSmall(iova, spa, bytes);
  }

  private Verdict judgeLarge(long iova, long spa, long bytes) {
    long first = spa & -Geometry.REGION_BYTES;
    long regions = ((spa - first + bytes - 1) >>> Geometry.REGION_LOG2) + 1;
    Count count = new Count(regions);
    for (long i = 0; i < regions; i++) {
      long piece = first + i * Geometry.REGION_BYTES;
      if (Long.compareUnsigned(piece, rmp.end()) >= 0) {
        owner(count, iova + (piece - spa), piece, rmp.at(piece));
        break;
      }
      switch (stateOf(piece)) {
        case PAGES ->
            count.broken(
                Rule.RMP_SIZE,
                () ->
                    "a leaf of 2M or more must meet one 2M entry or none, %s has 4K entries"
                        .formatted(Numbers.hex(piece)));
        case LARGE -> owner(count, iova + (piece - spa), piece, rmp.at(piece));
        case UNKNOWN -> count.isKnown = false;
        case SHARED -> {}
      }
    }
    return count.verdict("regions");
  }

  private Verdict judgeSmall(long iova, long spa, long bytes) {
    if (stateOf(spa) == Rmp.Region.LARGE) {
      return new Verdict(
          Rule.RMP_SIZE,
          "a leaf below 2M must meet 4K entries or none, %s is one 2M entry"
              .formatted(Numbers.hex(spa & -Geometry.REGION_BYTES)),
          true);
    }
    Count count = new Count(bytes >>> Geometry.PAGE_LOG2);
    for (long at = spa; at != spa + bytes; at += Geometry.PAGE_BYTES) {
      owner(count, iova + (at - spa), at, rmp.at(at));
    }
    return count.verdict("pages");
  }

  private void owner(Count count, long gpa, long spa, Optional<Rmp.Entry> known) {
    if (known.isEmpty()) {
      count.isKnown = false;
      return;
    }
    long low = known.get().low();
    if (!RmpEntry.isAssigned(low)) {
      return;
    }
    if (RmpEntry.asid(low) == 0 || RmpEntry.asid(low) != asid) {
      count.broken(
          Rule.RMP_OWNER,
          () ->
              "the page %s belongs to %s, the table is that of %s"
                  .formatted(
                      Numbers.hex(spa),
                      owner(RmpEntry.asid(low), "the firmware"),
                      owner(asid, "no guest")));
    } else if (RmpEntry.gpa(low) != gpa) {
      count.broken(
          Rule.RMP_GPA,
          () ->
              "the RMP has the page %s at gpa %s, the table at %s"
                  .formatted(Numbers.hex(spa), Numbers.hex(RmpEntry.gpa(low)), Numbers.hex(gpa)));
    }
  }

  private static String owner(int asid, String none) {
    return asid == 0 ? none : "ASID " + asid;
  }

  /** What was found of one leaf so far. */
  private static final class Count {
    private @Nullable Rule rule;
    private String detail = "";
    private final long pieces;
    private long broken;
    private boolean isKnown = true;

    Count(long pieces) {
      this.pieces = pieces;
    }

    void broken(Rule by, Supplier<String> words) {
      broken++;
      if (rule == null || by.compareTo(rule) < 0) {
        rule = by;
        detail = words.get();
      }
    }

    Verdict verdict(String unit) {
      return new Verdict(
          rule,
          broken > 1 ? "%s (%d of %d %s)".formatted(detail, broken, pieces, unit) : detail,
          isKnown);
    }
  }
}
