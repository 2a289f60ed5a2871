package dev.cleave.bench.report;

import static dev.cleave.bench.replay.ReplayColumn.DMA_REFUSED;
import static dev.cleave.bench.replay.ReplayColumn.EVENTS;
import static dev.cleave.bench.replay.ReplayColumn.FLUSHES;
import static dev.cleave.bench.replay.ReplayColumn.GAP_BYTES;
import static dev.cleave.bench.replay.ReplayColumn.ILLEGAL_LEAVES;
import static dev.cleave.bench.replay.ReplayColumn.RMP_FAULTS;
import static dev.cleave.bench.replay.ReplayColumn.STORES;
import static dev.cleave.bench.replay.ReplayColumn.TABLE_BYTES_PEAK;
import static dev.cleave.bench.report.Wording.and;
import static dev.cleave.bench.report.Wording.bytes;
import static dev.cleave.bench.report.Wording.number;
import static dev.cleave.bench.report.Wording.times;
import static dev.cleave.bench.report.Wording.verb;

import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * What the figures of a replay say, in three sentences: of memory, of devices, and what to choose.
 */
final class ReplayFindings {
  /** A policy is worth its table memory up to so many times the least. */
  private static final int WORTH_TIMES = 2;

  private final List<PolicyResult> results;
  private final ReplayOptions options;

  /**
   * Findings.
   *
   * @param results one of each policy, at least one, all of the same events
   */
  ReplayFindings(List<PolicyResult> results, ReplayOptions options) {
    this.results = results;
    this.options = options;
  }

  List<String> sentences() {
    if (results.stream().allMatch(result -> result.get(ReplayColumn.STORES) == 0)) {
      return List.of("No policy wrote an entry: nothing can be said of them.");
    }
    return List.of(memory(), devices(), choice());
  }

  private String memory() {
    long least = least(results, TABLE_BYTES_PEAK);
    long most =
        results.stream().mapToLong(result -> result.get(TABLE_BYTES_PEAK)).max().orElseThrow();
    if (least == most) {
      return "Every table took " + bytes(least) + " at its peak.";
    }
    List<String> small = names(result -> result.get(TABLE_BYTES_PEAK) == least);
    List<String> large = names(result -> result.get(TABLE_BYTES_PEAK) == most);
    return "The least table memory is taken by %s, %s at the peak; %s %s %s, %s as much."
        .formatted(
            and(small),
            bytes(least),
            and(large),
            verb(large, "takes", "take"),
            bytes(most),
            times((double) most / least));
  }

  private String devices() {
    List<String> hitless = names(result -> result.get(GAP_BYTES) == 0);
    List<String> clauses = new ArrayList<>();
    if (!hitless.isEmpty()) {
      clauses.add(
          (hitless.size() == results.size() ? "No" : "Under " + and(hitless) + " no")
              + " mapping was ever taken away from under a device");
    }
    for (PolicyResult result : results) {
      if (result.get(GAP_BYTES) > 0) {
        clauses.add(
            "%s %s took %s of mappings away for a moment"
                .formatted(
                    clauses.isEmpty() ? "The policy" : "the policy",
                    result.policy(),
                    bytes(result.get(GAP_BYTES))));
      }
    }
    if (options.dmaAccesses() > 0) {
      clauses.add(counts("devices", "were refused", DMA_REFUSED));
    } else if (options.followsRmp()) {
      clauses.add(counts("leaves and RMP", "disagreed for a moment", RMP_FAULTS));
    }
    return String.join("; ", clauses) + ".";
  }

  private static long count(ReplayColumn figure, PolicyResult result) {
    return Objects.requireNonNull(figure.shown(result)).longValue();
  }

  /** "devices were refused 12 times under follow, never under all-4k". */
  private String counts(String who, String what, ReplayColumn figure) {
    List<String> some = new ArrayList<>();
    for (PolicyResult result : results) {
      if (count(figure, result) > 0) {
        some.add(number(count(figure, result)) + " times under " + result.policy());
      }
    }
    List<String> none = names(result -> count(figure, result) == 0);
    if (some.isEmpty()) {
      return who + " never " + what;
    }
    return who
        + " "
        + what
        + " "
        + and(some)
        + (none.isEmpty() ? "" : ", never under " + and(none));
  }

  /**
   * Of those that do no harm and are small, which make the least work: flushes first, then stores.
   * Times do not decide, since they depend on which policy is replayed first.
   */
  private String choice() {
    List<PolicyResult> harmless =
        results.stream()
            .filter(result -> result.get(GAP_BYTES) == 0 && result.get(ILLEGAL_LEAVES) == 0)
            .toList();
    if (harmless.isEmpty()) {
      return "No policy here is without gaps or illegal leaves.";
    }
    long smallest = least(harmless, TABLE_BYTES_PEAK);
    List<PolicyResult> small =
        harmless.stream()
            .filter(result -> result.get(TABLE_BYTES_PEAK) <= WORTH_TIMES * smallest)
            .toList();
    long flushes = least(small, FLUSHES);
    long stores =
        small.stream()
            .filter(result -> result.get(FLUSHES) == flushes)
            .mapToLong(result -> result.get(STORES))
            .min()
            .orElseThrow();
    List<String> chosen =
        small.stream()
            .filter(result -> result.get(FLUSHES) == flushes && result.get(STORES) == stores)
            .map(PolicyResult::policy)
            .toList();
    String others =
        and(
            small.stream()
                .filter(result -> !chosen.contains(result.policy()))
                .map(result ->
                    "%s and %s under %s"
                        .formatted(
                            number(result.get(FLUSHES)),
                            number(result.get(STORES)),
                            result.policy()))
                .toList());
    return ("Choose %s%s: of those without gaps and with at most twice the least table memory %s the"
            + " least work, %s flush commands and %s stores for %s events%s.")
        .formatted(
            chosen.size() > 1 ? "any of " : "",
            and(chosen),
            verb(chosen, "it makes", "they make"),
            number(flushes),
            number(stores),
            number(results.getFirst().get(EVENTS)),
            others.isEmpty() ? "" : ", against " + others);
  }

  private static long least(List<PolicyResult> of, ReplayColumn figure) {
    return of.stream().mapToLong(result -> result.get(figure)).min().orElseThrow();
  }

  private List<String> names(Predicate<PolicyResult> test) {
    return results.stream().filter(test).map(PolicyResult::policy).toList();
  }
}
