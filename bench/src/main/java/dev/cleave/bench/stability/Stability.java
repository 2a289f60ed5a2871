package dev.cleave.bench.stability;

import dev.cleave.bench.io.WorkFailed;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/**
 * Measures every kernel and every operation in many JVMs, one after the other, each with formats
 * and an order of its own, every other one beside a busy thread.
 */
public final class Stability {
  /** JVMs of both formats, and of each alone, beside a busy thread and not. */
  private static final Mix[] MIXES = {Mix.BOTH, Mix.V1, Mix.X86};

  /**
   * How much longer most works take in a JVM than in the best quarter of JVMs if it was not luck:
   * no luck of the compiler hits them all, but a neighbour of the machine's does.
   */
  private static final double LOUD = 1.2;

  /** How often those are measured again at most. */
  private static final int MOST_AGAIN = 2;

  private final int forks;
  private final double seconds;
  private final List<Fork> done = new ArrayList<>();
  private final List<Fork> again = new ArrayList<>();
  private final Map<String, List<Sample>> samples = new LinkedHashMap<>();

  /**
   * One JVM.
   *
   * @param number from 0, which is also the seed of its orders
   * @param formats {@code both}, {@code v1} or {@code x86}
   * @param isBusy whether another thread kept a processor busy
   */
  public record Fork(int number, String formats, boolean isBusy) {}

  /** A work in one JVM. */
  private record Sample(Fork fork, double nanos, double bytes) {}

  /**
   * A measurement to make.
   *
   * @param forks number of JVMs, at least 1
   * @param seconds that each measures
   */
  public Stability(int forks, double seconds) {
    this.forks = forks;
    this.seconds = seconds;
  }

  /**
   * Runs the JVMs, and again those that the machine was loud around, twice at most.
   *
   * @param goesOn is asked before each, with its number
   * @throws WorkFailed when one fails
   */
  public void run(IntPredicate goesOn) throws IOException, InterruptedException {
    for (int i = 0; i < forks; i++) {
      Fork fork = new Fork(i, mix(i).name().toLowerCase(Locale.ROOT), i % 2 == 1);
      if (!measure(fork, goesOn)) {
        return;
      }
      done.add(fork);
    }
    for (int i = 0; i < MOST_AGAIN; i++) {
      for (Fork fork : loud()) {
        if (!measure(fork, goesOn)) {
          return;
        }
        again.add(fork);
      }
    }
  }

  private static Mix mix(int number) {
    return MIXES[number % MIXES.length];
  }

  /** Measures a JVM, which then counts as it is now; returns false if that is to end. */
  private boolean measure(Fork fork, IntPredicate goesOn) throws IOException, InterruptedException {
    int number = fork.number();
    if (!goesOn.test(number)) {
      return false;
    }
    try (BusyThread _ = fork.isBusy() ? BusyThread.start() : null) {
      List<String> lines = lines(number, mix(number));
      if (!goesOn.test(number)) { // it was ended with us, and may have said only half
        return false;
      }
      samples.values().forEach(all -> all.removeIf(sample -> sample.fork().equals(fork)));
      lines.forEach(line -> add(fork, line));
      return true;
    }
  }

  /** {@return the JVMs in which most works took much longer than in the best quarter of them} */
  public List<Fork> loud() {
    Map<Fork, List<Double>> ratios = new LinkedHashMap<>();
    for (List<Sample> all : samples.values()) {
      double usual = quantile(all.stream().map(Sample::nanos).toList(), 4);
      for (Sample sample : all) {
        ratios.computeIfAbsent(sample.fork(), _ -> new ArrayList<>()).add(sample.nanos() / usual);
      }
    }
    return ratios.entrySet().stream()
        .filter(entry -> quantile(entry.getValue(), 2) > LOUD)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** What one of so many parts of the values is up to: the median of two. */
  private static double quantile(List<Double> values, int parts) {
    List<Double> sorted = values.stream().sorted().toList();
    return sorted.get((sorted.size() - 1) / parts);
  }

  /** {@return the JVMs that were measured again, in that order} */
  public List<Fork> again() {
    return List.copyOf(again);
  }

  /** How many JVMs have measured. */
  public int done() {
    return done.size();
  }

  private List<String> lines(int seed, Mix mix) throws IOException, InterruptedException {
    Path errors = Files.createTempFile("cleave-stability", ".log");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                StabilityFork.class.getName(),
                Integer.toString(seed),
                mix.name(),
                Double.toString(seconds))
            .redirectError(errors.toFile())
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0 && !isEnded(process)) {
      throw new WorkFailed(
          "JVM %d ended with %d; what it said is in %s"
              .formatted(seed, process.exitValue(), errors));
    }
    Files.delete(errors);
    return out.lines().toList();
  }

  /** Ended by a signal, as are all when a person ends the command. */
  private static boolean isEnded(Process process) {
    return process.exitValue() > 128;
  }

  void add(Fork fork, String line) {
    String[] fields = line.split(StabilityFork.SEPARATOR, -1);
    Sample sample = new Sample(fork, Double.parseDouble(fields[1]), Double.parseDouble(fields[2]));
    add(fields[0], sample);
  }

  private void add(String work, Sample sample) {
    samples.computeIfAbsent(work, _ -> new ArrayList<>()).add(sample);
  }

  /**
   * How stable each work was, by name. How long it took in loud JVMs says nothing of that, and is
   * left out as long as others have measured the work; garbage counts wherever it was made.
   */
  public List<StabilityRow> rows() {
    Set<Fork> loud = Set.copyOf(loud());
    return samples.entrySet().stream()
        .map(entry -> row(entry.getKey(), entry.getValue(), loud))
        .sorted(Comparator.comparing(StabilityRow::work))
        .toList();
  }

  private static StabilityRow row(String work, List<Sample> all, Set<Fork> loud) {
    List<Sample> quiet = all.stream().filter(sample -> !loud.contains(sample.fork())).toList();
    List<Sample> timed = quiet.isEmpty() ? all : quiet;
    Comparator<Sample> byTime = Comparator.comparingDouble(Sample::nanos);
    Sample best = Collections.min(timed, byTime);
    Sample worst = Collections.max(timed, byTime);
    double bytes = all.stream().mapToDouble(Sample::bytes).max().orElseThrow();
    return StabilityRow.of(work, timed.size(), best.nanos(), worst.nanos(), bytes, worst.fork());
  }
}
