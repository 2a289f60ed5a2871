package dev.cleave.bench.report;

import static dev.cleave.bench.replay.ReplayColumn.DMA_LEAKED;
import static dev.cleave.bench.replay.ReplayColumn.DMA_REFUSED;
import static dev.cleave.bench.replay.ReplayColumn.DMA_WRONG_DATA;
import static dev.cleave.bench.replay.ReplayColumn.GAP_BYTES;
import static dev.cleave.bench.replay.ReplayColumn.RMP_FAULTS;
import static dev.cleave.bench.replay.ReplayColumn.TABLE_BYTES_PEAK;
import static dev.cleave.bench.report.Wording.and;
import static dev.cleave.bench.report.Wording.bytes;
import static dev.cleave.bench.report.Wording.number;
import static dev.cleave.bench.report.Wording.times;
import static dev.cleave.bench.report.Wording.verb;

import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.function.Predicate;

/**
 * What the figures of a replay say, in a few sentences: of memory, of devices, and what to choose,
 * for each kind of devices where there are others than usual.
 */
final class ReplayFindings {
  private final List<PolicyResult> results;
  private final List<PolicyResult> all;
  private final ReplayOptions options;

  /**
   * Findings.
   *
   * @param results one of each policy, at least one, all of the same events
   */
  ReplayFindings(List<PolicyResult> results, ReplayOptions options) {
    this(results, results, options);
  }

  /**
   * Findings of policies that were run in several orders.
   *
   * @param results one of each policy, at least one, all of the same events
   * @param all those of every order
   */
  ReplayFindings(List<PolicyResult> results, List<PolicyResult> all, ReplayOptions options) {
    this.results = results;
    this.all = all;
    this.options = options;
  }

  List<String> sentences() {
    if (results.stream().allMatch(ReplayFindings::isIdle)) {
      return List.of("No policy wrote an entry: nothing can be said of them.");
    }
    List<String> sentences = new ArrayList<>(List.of(memory(), devices()));
    List<DeviceKind> kinds = options.devices().kinds();
    if (options.dmaAccesses() == 0 || kinds.equals(List.of(DeviceKind.UNTRUSTED))) {
      sentences.add(PolicyChoice.ofAny(results, options).sentence());
    } else {
      for (DeviceKind kind : kinds) {
        sentences.add(PolicyChoice.of(kind, all, options).sentence());
      }
    }
    return sentences;
  }

  private static boolean isIdle(PolicyResult result) {
    return result.get(ReplayColumn.STORES) == 0;
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
    // Whom a device was refused under took something away from it, gap or not.
    List<String> hitless =
        names(result -> result.get(GAP_BYTES) == 0 && Harm.REFUSED_DMA.of(result) == 0);
    List<String> clauses = new ArrayList<>();
    if (!hitless.isEmpty()) {
      clauses.add(
          (hitless.size() == results.size() ? "No" : "Under " + and(hitless) + " no")
              + " mapping was ever taken away from under a device"
              + (options.isSharedInPlace()
                  ? ""
                  : ", but for those of the pages that changed their memory"));
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
    if (options.dmaAccesses() > 0 && results.stream().anyMatch(r -> Harm.WRONG_DATA.of(r) > 0)) {
      clauses.addFirst(counts("devices", "reached wrong data", DMA_WRONG_DATA));
    }
    if (options.dmaAccesses() > 0 && results.stream().anyMatch(r -> Harm.LEAKED.of(r) > 0)) {
      clauses.addFirst(counts("devices", "reached pages that are not theirs", DMA_LEAKED));
    }
    String sentence = String.join("; ", clauses) + ".";
    return sentence.substring(0, 1).toUpperCase(Locale.ROOT) + sentence.substring(1);
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

  private static long least(List<PolicyResult> of, ReplayColumn figure) {
    return of.stream().mapToLong(result -> result.get(figure)).min().orElseThrow();
  }

  private List<String> names(Predicate<PolicyResult> test) {
    return results.stream().filter(test).map(PolicyResult::policy).toList();
  }
}
