package dev.cleave.bench.jmh;

import dev.cleave.engine.kernel.Kernels;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * Says after each iteration, in the JVM that measured, which kernels that JVM used: the one that
 * started it may have chosen others. JMH carries numbers only, so that the answer is the name of
 * one.
 */
public final class KernelsProfiler implements InternalProfiler {
  /** What the names begin with. */
  static final String LABEL = "kernels: ";

  @Override
  public String getDescription() {
    return "Which kernels of the engine the measuring JVM used, and why";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {
    // what was used is asked for when it was
  }

  @Override
  public Collection<? extends Result<?>> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    String label = LABEL + Kernels.chosen() + " (" + Kernels.reason() + ")";
    return List.of(new ScalarResult(label, 1, "", AggregationPolicy.MAX));
  }
}
