package dev.cleave.bench.report;

import static dev.cleave.bench.report.Wording.and;
import static dev.cleave.bench.report.Wording.bytes;
import static dev.cleave.bench.report.Wording.number;
import static dev.cleave.bench.report.Wording.verb;

import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.replay.DeviceResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * Which policy to choose. Of those that do the least harm and are small, the one that makes the
 * least work: flushes first, then stores. Harm is weighed in the order of {@link Harm}: no cost
 * makes up for wrong data. Times do not decide, since they depend on which policy is replayed
 * first.
 *
 * <p>For the devices of a kind only policies come into question that give them the pages that they
 * may use, and only what these devices met is harm.
 */
final class PolicyChoice {
  /** A policy is worth its memory up to so many times the least. */
  private static final int WORTH_TIMES = 2;

  private final List<PolicyResult> results;
  private final ReplayOptions options;
  private final @Nullable DeviceKind kind;

  private PolicyChoice(
      List<PolicyResult> results, ReplayOptions options, @Nullable DeviceKind kind) {
    this.results = results;
    this.options = options;
    this.kind = kind;
  }

  /** Among policies, whatever devices there are. */
  static PolicyChoice ofAny(List<PolicyResult> results, ReplayOptions options) {
    return new PolicyChoice(results, options, null);
  }

  /** Among policies, for the devices of a kind, which there were. */
  static PolicyChoice of(DeviceKind kind, List<PolicyResult> results, ReplayOptions options) {
    return new PolicyChoice(results, options, kind);
  }

  String sentence() {
    if (kind == null) {
      return choice("Choose ", "No policy here is without harm.", results);
    }
    List<PolicyResult> serving =
        results.stream().filter(result -> devices(result).met().isServed()).toList();
    String who = kind.word() + " devices";
    if (serving.isEmpty()) {
      return "No policy here gives " + who + " what they may use" + others() + ".";
    }
    if (serving.stream().allMatch(r -> devices(r).met().counts().accesses() == 0)) {
      return "Of " + who + " nothing can be said: there was never a page for them to use.";
    }
    return choice(
            "For " + who + " choose ", "No policy here is without harm to " + who + ".", serving)
        + (serving.size() == results.size() ? "" : " Out of the question are" + others() + ".");
  }

  /** The policy, and where it was run in several orders which one. */
  private String name(PolicyResult result) {
    List<PolicyResult> same =
        results.stream().filter(other -> other.policy().equals(result.policy())).toList();
    List<String> told = new ArrayList<>();
    if (same.stream().map(PolicyResult::order).distinct().count() > 1) {
      told.add(String.valueOf(result.order()));
    }
    if (same.stream().map(PolicyResult::flush).distinct().count() > 1) {
      told.add(result.flush());
    }
    return result.policy() + (told.isEmpty() ? "" : " (" + String.join(", ", told) + ")");
  }

  private DeviceResult devices(PolicyResult result) {
    return result.devices().stream()
        .filter(devices -> devices.met().kind() == kind)
        .findFirst()
        .orElseThrow();
  }

  /** Those that do not come into question, and why. */
  private String others() {
    Map<String, List<String>> byPages = new LinkedHashMap<>();
    for (PolicyResult result : results) {
      DeviceResult devices = devices(result);
      if (!devices.met().isServed()) {
        String pages =
            devices.pages().equals("none") ? "no page" : devices.pages() + " pages alone";
        byPages.computeIfAbsent(pages, _ -> new ArrayList<>()).add(name(result));
      }
    }
    List<String> told = new ArrayList<>();
    byPages.forEach((pages, policies) ->
        told.add(and(policies) + ", which " + verb(policies, "gives", "give") + " them " + pages));
    return told.isEmpty() ? "" : " " + String.join("; ", told);
  }

  private long amount(Harm harm, PolicyResult result) {
    return kind == null ? harm.of(result) : harm.of(result, devices(result));
  }

  /** Memory that a policy takes beside the guest's. */
  private static long memory(PolicyResult result) {
    return result.get(ReplayColumn.TABLE_BYTES_PEAK)
        + result.get(ReplayColumn.DUPLICATE_BYTES_PEAK);
  }

  private String choice(String choose, String harmful, List<PolicyResult> candidates) {
    List<PolicyResult> left = candidates;
    List<String> harms = new ArrayList<>();
    for (Harm harm : Harm.values()) {
      if (harm.isKnown(options)) {
        long least = least(left, result -> amount(harm, result));
        left = left.stream().filter(result -> amount(harm, result) == least).toList();
        if (least > 0) {
          harms.add(harm.words(least));
        }
      }
    }
    if (!harms.isEmpty()) {
      return harmful
          + " Weighed in this order, %s, the least is done by %s: %s."
              .formatted(
                  Harm.order(options), and(left.stream().map(this::name).toList()), and(harms));
    }
    long smallest = least(left, PolicyChoice::memory);
    List<PolicyResult> small =
        left.stream().filter(result -> memory(result) <= WORTH_TIMES * smallest).toList();
    long flushes = least(small, result -> result.get(ReplayColumn.FLUSHES));
    List<PolicyResult> calm =
        small.stream().filter(result -> result.get(ReplayColumn.FLUSHES) == flushes).toList();
    long stores = least(calm, result -> result.get(ReplayColumn.STORES));
    List<PolicyResult> best =
        calm.stream().filter(result -> result.get(ReplayColumn.STORES) == stores).toList();
    List<String> chosen = best.stream().map(this::name).toList();
    return (choose
            + "%s%s: of those without %s and with at most twice the least %s %s the least work, %s"
            + " flush commands and %s stores for %s events%s%s.")
        .formatted(
            chosen.size() > 1 ? "any of " : "",
            and(chosen),
            Harm.order(options),
            hasDuplicates() ? "memory for tables and for pages that lie twice" : "table memory",
            verb(chosen, "it makes", "they make"),
            number(flushes),
            number(stores),
            number(results.getFirst().get(ReplayColumn.EVENTS)),
            against(small, chosen),
            pinned(candidates, best));
  }

  private boolean hasDuplicates() {
    return results.stream().anyMatch(r -> r.get(ReplayColumn.DUPLICATE_BYTES_PEAK) > 0);
  }

  private String against(List<PolicyResult> small, List<String> chosen) {
    String others =
        and(
            small.stream()
                .filter(result -> !chosen.contains(name(result)))
                .map(result ->
                    "%s and %s under %s"
                        .formatted(
                            number(result.get(ReplayColumn.FLUSHES)),
                            number(result.get(ReplayColumn.STORES)),
                            name(result)))
                .toList());
    return others.isEmpty() ? "" : ", against " + others;
  }

  /** What the choice pins, where another would pin less. */
  private String pinned(List<PolicyResult> candidates, List<PolicyResult> best) {
    long pinned = best.getFirst().get(ReplayColumn.PINNED_BYTES_PEAK);
    long least = least(candidates, result -> result.get(ReplayColumn.PINNED_BYTES_PEAK));
    List<String> frugal =
        candidates.stream()
            .filter(result -> result.get(ReplayColumn.PINNED_BYTES_PEAK) == least)
            .map(this::name)
            .toList();
    return least == pinned
        ? ""
        : "; it pins %s, where %s %s %s"
            .formatted(bytes(pinned), and(frugal), verb(frugal, "pins", "pin"), bytes(least));
  }

  private static long least(List<PolicyResult> of, ToLongFunction<PolicyResult> figure) {
    return of.stream().mapToLong(figure).min().orElseThrow();
  }
}
