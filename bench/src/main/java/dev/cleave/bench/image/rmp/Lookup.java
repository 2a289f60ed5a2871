package dev.cleave.bench.image.rmp;

import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.TableWalk;
import dev.cleave.bench.image.table.TableWalk.Translated;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The walk that translates an address, and what the RMP says of where it leads.
 *
 * @param walk the walk
 * @param rmp null where it leads nowhere, or no RMP has a say
 */
public record Lookup(TableWalk walk, @Nullable OfRmp rmp) {
  /**
   * What the RMP says.
   *
   * @param spa the address
   * @param entry the entry that describes its page, empty where it is not known
   * @param verdict what it says to the whole leaf
   */
  public record OfRmp(long spa, Optional<Rmp.Entry> entry, RmpJudge.Verdict verdict) {
    /** The page and its entry on one line. */
    public String line() {
      return "rmp %s: %s"
          .formatted(
              Numbers.hex(spa & -Geometry.PAGE_BYTES),
              entry
                  .map(known ->
                      "%s [0x%016x - 0x%016x]"
                          .formatted(RmpWords.of(known), known.low(), known.high()))
                  .orElse("not known"));
    }
  }

  /**
   * Looks an address up.
   *
   * @param memory where tables lie
   * @param domain whose address it is
   * @param iova the address
   * @param rmp the RMP, or null
   * @param judge who judges the domain's leaves by it, null where it has no say
   */
  public static Lookup of(
      PhysicalMemory memory,
      Domain domain,
      long iova,
      @Nullable Rmp rmp,
      @Nullable RmpJudge judge) {
    if (!domain.hasTable()) {
      return new Lookup(
          new TableWalk(iova, List.of(), new TableWalk.Refused(Domain.words(domain.kind()))), null);
    }
    TableWalk walk = TableWalk.of(memory, domain.root(), iova);
    if (judge == null || !(walk.outcome() instanceof Translated to)) {
      return new Lookup(walk, null);
    }
    long offset = iova & to.leafBytes() - 1;
    return new Lookup(
        walk,
        new OfRmp(
            to.paddr(),
            rmp.of(to.paddr()),
            judge.judge(iova - offset, to.paddr() - offset, to.leafBytes(), to.leafBytes())));
  }
}
