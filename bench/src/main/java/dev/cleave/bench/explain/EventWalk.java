package dev.cleave.bench.explain;

import dev.cleave.bench.explain.EventWords.Told;
import dev.cleave.bench.image.rmp.Lookup;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.Site;
import dev.cleave.bench.image.table.TableWalk.Refused;
import dev.cleave.bench.image.table.TableWalk.Translated;
import dev.cleave.bench.image.table.WalkWords;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.hwmodel.iommu.Event;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Follows the address of an event through the table at hand, and says why it failed. */
final class EventWalk {
  private EventWalk() {}

  /** The same explanation with the walk; as it was for an event that is not about a table. */
  static Explanation with(Explanation explanation, Told told, Tables tables) {
    boolean isOfRmp = told.code() == Event.RMP_PAGE_FAULT;
    String key = isOfRmp && told.fields().containsKey("gpa") ? "gpa" : "address";
    if ((!isOfRmp && told.code() != Event.IO_PAGE_FAULT)
        || told.isInterrupt()
        || !told.fields().containsKey(key)) {
      return explanation;
    }
    long iova = told.fields().get(key);
    Long id = told.fields().get("domain");
    OptionalInt domainId =
        id == null || EventFlag.GN.isIn(told.flags())
            ? OptionalInt.empty()
            : OptionalInt.of((int) (long) id);
    List<Domain> domains = tables.of(told.device(), domainId);
    List<String> words = new ArrayList<>();
    List<String> details = new ArrayList<>(explanation.details());
    List<Map<String, Object>> walks = new ArrayList<>();
    for (Domain domain : domains) {
      Lookup lookup = tables.lookup(domain, iova);
      String why = "in domain %s %s".formatted(domain.name(), why(lookup, domain, told, isOfRmp));
      words.add(why);
      details.add("walk of %s in domain %s".formatted(Numbers.hex(iova), domain.name()));
      WalkWords.steps(lookup.walk()).forEach(step -> details.add("  " + step));
      details.add("  -> " + WalkWords.outcome(lookup.walk()));
      if (lookup.rmp() != null) {
        details.add("  " + lookup.rmp().line());
      }
      Map<String, Object> walk = new LinkedHashMap<>();
      walk.put("domain", domain.name());
      walk.putAll(WalkWords.json(lookup.walk()));
      walk.put("why", why);
      walks.add(walk);
    }
    if (domains.isEmpty()) {
      words.add("the image knows no table of its");
    }
    Map<String, Object> fields = new LinkedHashMap<>(explanation.fields());
    fields.put("walks", walks);
    return new Explanation(
        explanation.kind(), explanation.words() + "; " + String.join("; ", words), fields, details);
  }

  private static String why(Lookup lookup, Domain domain, Told told, boolean isOfRmp) {
    return switch (lookup.walk().outcome()) {
      case Refused refused -> refused(lookup, refused);
      case Translated to -> {
        int needed = told.isWrite() ? Access.WRITE : Access.READ;
        String place = "it leads to " + Numbers.hex(to.paddr());
        if ((to.access() & needed) == 0) {
          yield "%s, and %s does not permit a %s"
              .formatted(place, who(lookup, domain, needed), told.isWrite() ? "write" : "read");
        }
        yield place + ", which the table permits; " + rmp(lookup, isOfRmp);
      }
    };
  }

  private static String refused(Lookup lookup, Refused refused) {
    if (lookup.walk().steps().isEmpty()) {
      return "it does not translate: " + refused.reason();
    }
    Site last = lookup.walk().steps().getLast();
    return "it does not translate: %s (level %d, table %s, index %d)"
        .formatted(refused.reason(), last.level(), Numbers.hex(last.table()), last.index());
  }

  /** Who takes a permission away: the first on the way from the device. */
  private static String who(Lookup lookup, Domain domain, int needed) {
    if ((domain.root().access() & needed) == 0) {
      return "the device table entry";
    }
    EntryFormat format = domain.root().format();
    return lookup.walk().steps().stream()
        .filter(step -> (format.access(step.entry()) & needed) == 0)
        .findFirst()
        .map(step ->
            "the entry of level %d, table %s, index %d"
                .formatted(step.level(), Numbers.hex(step.table()), step.index()))
        .orElse("the host table");
  }

  private static String rmp(Lookup lookup, boolean isOfRmp) {
    Lookup.OfRmp rmp = lookup.rmp();
    if (rmp == null) {
      return isOfRmp
          ? "with an RMP (--rmp, --rmp-dump) its entry could be looked at"
          : "it has changed since, or the device was refused for something else";
    }
    if (rmp.verdict().rule() != null) {
      return "%s: %s".formatted(rmp.verdict().rule(), rmp.verdict().detail());
    }
    return rmp.verdict().isKnown()
        ? "the RMP agrees as well: one of them has changed since"
        : "its RMP entry is not known";
  }
}
