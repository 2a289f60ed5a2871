package dev.cleave.bench.jmh;

import dev.cleave.bench.processor.CoreLook;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Runs pairs under JMH, both sides of each in the same run. */
public final class PairRunner {
  /** One run of so many may be made again, so that a machine that is never quiet ends it, too. */
  private static final int RUNS_AN_AGAIN = 16;

  private final List<Pair> pairs;
  private final Effort effort;
  private final int forks;
  private final List<RunResult> raw = new ArrayList<>();
  private final Measurements measurements = new Measurements();
  private final Map<Pair, List<Calibration.Around>> around = new HashMap<>();
  private final Calibration calibration = new Calibration();
  private final Map<List<Pair>, List<Run>> done = new LinkedHashMap<>();
  private final ByteArrayOutputStream log = new ByteArrayOutputStream();

  /** Is told what is measured next. */
  @FunctionalInterface
  public interface Watcher {
    /** Another run begins. */
    void begins(String work);

    /** Whether to go on; if not, a run that is under way may fail, and what was measured counts. */
    default boolean goesOn() {
      return true;
    }
  }

  /**
   * A runner.
   *
   * @param pairs what to compare
   * @param effort how long
   * @param forks 1, or 0 to measure nothing worth having in this JVM
   */
  public PairRunner(List<Pair> pairs, Effort effort, int forks) {
    this.pairs = pairs;
    this.effort = effort;
    this.forks = forks;
  }

  /**
   * Measures everything, and again what was always measured beside something else, a sixteenth at
   * most. Of several runs those count that were not.
   *
   * @return a result for each pair that was measured: all, unless the watcher ended it
   * @throws RunnerException if JMH cannot run, or a benchmark fails; {@link #log} says why
   */
  public List<PairResult> run(Watcher watcher) throws RunnerException {
    for (int round = 0; round < effort.rounds(); round++) {
      for (List<Pair> group : groups()) {
        measure(group, watcher);
      }
    }
    List<List<Pair>> loud = done.keySet().stream().filter(this::isLoud).toList();
    for (List<Pair> group : loud.subList(0, Math.min(loud.size(), runs() / RUNS_AN_AGAIN))) {
      measure(group, watcher);
    }
    done.forEach(this::count);
    return pairs.stream().filter(measurements::has).map(this::compare).toList();
  }

  /** What a run of JMH brought, and what the machine was like. */
  record Run(Collection<RunResult> results, Calibration.Around around) {}

  private void measure(List<Pair> group, Watcher watcher) throws RunnerException {
    if (!watcher.goesOn()) {
      return;
    }
    watcher.begins(group.getFirst().work());
    try {
      Calibration.Reading before = calibration.read();
      Collection<RunResult> results = run(group);
      raw.addAll(results);
      Run run = new Run(results, new Calibration.Around(before, calibration.read()));
      done.computeIfAbsent(group, _ -> new ArrayList<>()).add(run);
    } catch (RunnerException e) {
      if (watcher.goesOn()) {
        throw e;
      }
    }
  }

  private boolean isLoud(List<Pair> group) {
    CoreLook own = calibration.own();
    return done.get(group).stream().allMatch(run -> run.around().isLoud(own));
  }

  private void count(List<Pair> group, List<Run> runs) {
    for (Run run : counting(runs, calibration.own())) {
      measurements.add(run.results());
      group.forEach(pair -> around.computeIfAbsent(pair, _ -> new ArrayList<>()).add(run.around()));
    }
  }

  /** The quiet ones of some runs, or all if none was. */
  static List<Run> counting(List<Run> runs, CoreLook own) {
    List<Run> quiet = runs.stream().filter(run -> !run.around().isLoud(own)).toList();
    return quiet.isEmpty() ? runs : quiet;
  }

  private PairResult compare(Pair pair) {
    List<Calibration.Around> all = around.get(pair);
    double pace = all.stream().mapToDouble(Calibration.Around::pace).average().orElseThrow();
    boolean isLoud = all.stream().anyMatch(one -> one.isLoud(calibration.own()));
    return measurements.compare(pair).calibrated(pace, isLoud);
  }

  /** Number of runs of JMH that there will be. */
  public int runs() {
    return effort.rounds() * groups().size();
  }

  /** Pairs that have a benchmark and the parameters in common, in order of appearance. */
  private Collection<List<Pair>> groups() {
    Map<List<Object>, List<Pair>> groups = new LinkedHashMap<>();
    for (Pair pair : pairs) {
      String type = pair.benchmark().substring(0, pair.benchmark().indexOf('.'));
      groups.computeIfAbsent(List.of(type, pair.parameters()), _ -> new ArrayList<>()).add(pair);
    }
    return groups.values();
  }

  private Collection<RunResult> run(List<Pair> group) throws RunnerException {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .forks(forks)
            .warmupIterations(effort.warmups())
            .warmupTime(TimeValue.milliseconds(effort.millis()))
            .measurementIterations(effort.iterations())
            .measurementTime(TimeValue.milliseconds(effort.millis()))
            .timeUnit(TimeUnit.NANOSECONDS)
            .addProfiler(GCProfiler.class)
            .addProfiler(KernelsProfiler.class)
            .shouldFailOnError(true);
    group.stream()
        .flatMap(pair -> List.of(pair.benchmark(), pair.rival()).stream())
        .distinct()
        .forEach(name -> options.include(pattern(name)));
    group.getFirst().parameters().forEach(options::param);
    PrintStream out = new PrintStream(log, true, StandardCharsets.UTF_8);
    return new Runner(
            options.build(), OutputFormatFactory.createFormatInstance(out, VerboseMode.NORMAL))
        .run();
  }

  private static String pattern(String name) {
    return "^" + Pattern.quote(PairRunner.class.getPackageName() + "." + name) + "$";
  }

  /** What JMH said while it ran. */
  public String log() {
    return log.toString(StandardCharsets.UTF_8);
  }

  /** Which kernels the JVMs used that measured, and why these; each answer once. */
  public List<String> kernels() {
    return raw.stream()
        .flatMap(result -> result.getSecondaryResults().keySet().stream())
        .filter(label -> label.startsWith(KernelsProfiler.LABEL))
        .map(label -> label.substring(KernelsProfiler.LABEL.length()))
        .distinct()
        .sorted()
        .toList();
  }

  /**
   * The most heap that an operation of the engine took, as JMH's gc profiler has it, over all
   * pairs.
   */
  public PairResult heapBytes() {
    Pair worst = pairs.getFirst();
    double most = -1;
    for (Pair pair : pairs) {
      double bytes = measurements.allocatedBytes(pair.benchmark(), pair.parameters());
      if (bytes > most) {
        most = bytes;
        worst = pair;
      }
    }
    return new PairResult(
        "heap bytes per operation (most: " + worst.work() + ")", "-", most, 0, most, 0, 0, "B/op");
  }

  /** Writes everything that JMH measured in JMH's own JSON. */
  public void writeJmhJson(Path file) throws IOException {
    try (OutputStream bytes = Files.newOutputStream(file);
        PrintStream out = new PrintStream(bytes, false, StandardCharsets.UTF_8)) {
      ResultFormatFactory.getInstance(ResultFormatType.JSON, out).writeOut(raw);
    }
  }
}
