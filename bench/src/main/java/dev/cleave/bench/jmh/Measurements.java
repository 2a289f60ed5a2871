package dev.cleave.bench.jmh;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.util.ListStatistics;
import org.openjdk.jmh.util.Statistics;

/** What JMH measured, by benchmark and parameters. */
final class Measurements {
  private static final double CONFIDENCE = 0.95;
  private static final String ALLOCATED = "gc.alloc.rate.norm";
  private static final String PACKAGE = Measurements.class.getPackageName() + ".";

  private final Map<Key, Samples> samples = new HashMap<>();

  /** A benchmark under some parameters: those that it does not have are not in the map. */
  private record Key(String benchmark, Map<String, String> parameters) {}

  private record Samples(List<Double> nanos, List<Allocation> allocated) {}

  /** What an iteration allocated, over how many operations and by how many threads. */
  private record Allocation(double bytes, long operations, int threads) {}

  /** Takes what a run of JMH brought. */
  void add(Collection<RunResult> results) {
    for (RunResult result : results) {
      Map<String, String> parameters = new HashMap<>();
      for (String name : result.getParams().getParamsKeys()) {
        parameters.put(name, result.getParams().getParam(name));
      }
      String benchmark = result.getParams().getBenchmark().substring(PACKAGE.length());
      Samples into =
          samples.computeIfAbsent(
              new Key(benchmark, parameters),
              _ -> new Samples(new ArrayList<>(), new ArrayList<>()));
      result.getBenchmarkResults().stream()
          .flatMap(fork -> fork.getIterationResults().stream())
          .forEach(iteration -> add(iteration, result.getParams().getThreads(), into));
    }
  }

  private static void add(IterationResult iteration, int threads, Samples into) {
    into.nanos().add(iteration.getPrimaryResult().getScore());
    Result<?> allocated = iteration.getSecondaryResults().get(ALLOCATED);
    if (allocated != null) {
      long operations = iteration.getMetadata().getAllOps();
      into.allocated().add(new Allocation(allocated.getScore() * operations, operations, threads));
    }
  }

  /**
   * Median of the bytes that one operation allocated on the heap, to the hundredth, beside what JMH
   * itself allocates in every iteration for each thread. That is the same everywhere, so it is
   * taken from the lower quartile of all iterations: half of the benchmarks are rivals, most of
   * which only touch memory that is there.
   */
  double allocatedBytes(String benchmark, Map<String, String> parameters) {
    double harness = harnessBytes();
    List<Double> perOperation =
        find(benchmark, parameters).allocated().stream()
            .map(own -> (own.bytes() - own.threads() * harness) / own.operations())
            .toList();
    return Math.max(0, Math.round(median(perOperation) * 100)) / 100.0;
  }

  private double harnessBytes() {
    double[] sorted =
        samples.values().stream()
            .flatMap(each -> each.allocated().stream())
            .mapToDouble(each -> each.bytes() / each.threads())
            .sorted()
            .toArray();
    return sorted.length == 0 ? 0 : sorted[sorted.length / 4];
  }

  /** The times of both sides, their ratio, and how sure it is. */
  PairResult compare(Pair pair) {
    List<Double> work = find(pair.benchmark(), pair.parameters()).nanos();
    List<Double> rival = find(pair.rival(), pair.parameters()).nanos();
    double ratio = median(work) / median(rival);
    double error = ratio * Math.hypot(relativeError(work), relativeError(rival));
    return new PairResult(
        pair.work(), pair.against(), median(work), median(rival), ratio, pair.limit(), error, "ns");
  }

  /** Whether both sides were measured. */
  boolean has(Pair pair) {
    return isThere(pair.benchmark(), pair.parameters()) && isThere(pair.rival(), pair.parameters());
  }

  private boolean isThere(String benchmark, Map<String, String> parameters) {
    return lookUp(benchmark, parameters).isPresent();
  }

  private Samples find(String benchmark, Map<String, String> parameters) {
    return lookUp(benchmark, parameters)
        .orElseThrow(() ->
            new IllegalStateException("%s %s was not measured".formatted(benchmark, parameters)));
  }

  private Optional<Samples> lookUp(String benchmark, Map<String, String> parameters) {
    return samples.entrySet().stream()
        .filter(entry -> entry.getKey().benchmark().equals(benchmark))
        .filter(entry -> parameters.entrySet().containsAll(entry.getKey().parameters().entrySet()))
        .map(Map.Entry::getValue)
        .findFirst();
  }

  static double median(List<Double> values) {
    double[] sorted = array(values);
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  /** Student's interval around the mean, relative to the mean; NaN for a single value. */
  private static double relativeError(List<Double> values) {
    Statistics statistics = new ListStatistics(array(values));
    return statistics.getMeanErrorAt(CONFIDENCE) / statistics.getMean();
  }

  private static double[] array(List<Double> values) {
    return values.stream().mapToDouble(Double::doubleValue).toArray();
  }
}
