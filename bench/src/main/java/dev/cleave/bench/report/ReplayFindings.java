package dev.cleave.bench.report;

import static dev.cleave.bench.report.Wording.and;
import static dev.cleave.bench.report.Wording.bytes;
import static dev.cleave.bench.report.Wording.number;
import static dev.cleave.bench.report.Wording.times;
import static dev.cleave.bench.report.Wording.verb;

import dev.cleave.bench.machine.DmaResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import java.util.function.ToLongFunction;

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
    return List.of(memory(), devices(), choice());
  }

  private String memory() {
    long least = least(results, PolicyResult::tableBytesPeak);
    long most = results.stream().mapToLong(PolicyResult::tableBytesPeak).max().orElseThrow();
    if (least == most) {
      return "Every table took " + bytes(least) + " at its peak.";
    }
    List<String> small = names(result -> result.tableBytesPeak() == least);
    List<String> large = names(result -> result.tableBytesPeak() == most);
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
    List<String> hitless = names(result -> result.gapBytes() == 0);
    List<String> clauses = new ArrayList<>();
    if (!hitless.isEmpty()) {
      clauses.add(
          (hitless.size() == results.size() ? "No" : "Under " + and(hitless) + " no")
              + " mapping was ever taken away from under a device");
    }
    for (PolicyResult result : results) {
      if (result.gapBytes() > 0) {
        clauses.add(
            "%s %s took %s of mappings away for a moment"
                .formatted(
                    clauses.isEmpty() ? "The policy" : "the policy",
                    result.policy(),
                    bytes(result.gapBytes())));
      }
    }
    if (options.dmaAccesses() > 0) {
      clauses.add(
          counts(
              "devices", "were refused", result -> faults(Objects.requireNonNull(result.dma()))));
    } else if (options.followsRmp()) {
      clauses.add(counts("leaves and RMP", "disagreed for a moment", PolicyResult::rmpFaults));
    }
    return String.join("; ", clauses) + ".";
  }

  private static long faults(DmaResult dma) {
    return dma.translationFaults() + dma.rmpFaults();
  }

  /** "devices were refused 12 times under follow, never under all-4k". */
  private String counts(String who, String what, ToLongFunction<PolicyResult> figure) {
    List<String> some = new ArrayList<>();
    for (PolicyResult result : results) {
      if (figure.applyAsLong(result) > 0) {
        some.add(number(figure.applyAsLong(result)) + " times under " + result.policy());
      }
    }
    List<String> none = names(result -> figure.applyAsLong(result) == 0);
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
            .filter(result -> result.gapBytes() == 0 && result.illegalLeaves() == 0)
            .toList();
    if (harmless.isEmpty()) {
      return "No policy here is without gaps or illegal leaves.";
    }
    long smallest = least(harmless, PolicyResult::tableBytesPeak);
    List<PolicyResult> small =
        harmless.stream()
            .filter(result -> result.tableBytesPeak() <= WORTH_TIMES * smallest)
            .toList();
    long flushes = least(small, PolicyResult::flushes);
    long stores =
        small.stream()
            .filter(result -> result.flushes() == flushes)
            .mapToLong(PolicyResult::stores)
            .min()
            .orElseThrow();
    List<String> chosen =
        small.stream()
            .filter(result -> result.flushes() == flushes && result.stores() == stores)
            .map(PolicyResult::policy)
            .toList();
    String others =
        and(
            small.stream()
                .filter(result -> !chosen.contains(result.policy()))
                .map(result ->
                    "%s and %s under %s"
                        .formatted(
                            number(result.flushes()), number(result.stores()), result.policy()))
                .toList());
    return ("Choose %s%s: of those without gaps and with at most twice the least table memory %s the"
            + " least work, %s flush commands and %s stores for %s events%s.")
        .formatted(
            chosen.size() > 1 ? "any of " : "",
            and(chosen),
            verb(chosen, "it makes", "they make"),
            number(flushes),
            number(stores),
            number(results.getFirst().events()),
            others.isEmpty() ? "" : ", against " + others);
  }

  private static long least(List<PolicyResult> of, ToLongFunction<PolicyResult> figure) {
    return of.stream().mapToLong(figure).min().orElseThrow();
  }

  private List<String> names(Predicate<PolicyResult> test) {
    return results.stream().filter(test).map(PolicyResult::policy).toList();
  }
}
