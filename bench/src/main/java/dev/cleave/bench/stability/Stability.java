package dev.cleave.bench.stability;

import dev.cleave.bench.io.WorkFailed;
import dev.cleave.bench.processor.CoreLook;
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
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/**
 * Measures every kernel and every operation in many JVMs, one after the other, each with formats
 * and an order of its own, every other one beside a busy thread.
 */
public final class Stability {
  /** JVMs of both formats, and of each alone, beside a busy thread and not. */
  private static final Mix[] MIXES = {Mix.BOTH, Mix.V1, Mix.X86};

  /** How often those are measured again at most that the machine was loud around. */
  private static final int MOST_AGAIN = 2;

  private final int forks;
  private final double seconds;
  private final List<Fork> done = new ArrayList<>();
  private final List<Fork> again = new ArrayList<>();
  private final Map<String, List<Sample>> samples = new LinkedHashMap<>();

  /** What each JVM takes a core of its own to look like. */
  private final Map<Fork, CoreLook> cores = new LinkedHashMap<>();

  /** Nanoseconds of a chain of additions at the quickest pace of any JVM. */
  private double chainNanos = Double.POSITIVE_INFINITY;

  /**
   * One JVM.
   *
   * @param number from 0, which is also the seed of its orders
   * @param formats {@code both}, {@code v1} or {@code x86}
   * @param isBusy whether another thread kept a processor busy
   */
  public record Fork(int number, String formats, boolean isBusy) {}

  /** A work in one JVM, and whether it had a core for itself for long enough. */
  private record Sample(Fork fork, double chains, double bytes, boolean isQuiet) {}

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
      List<String> lines = lines(fork);
      if (!goesOn.test(number)) { // it was ended with us, and may have said only half
        return false;
      }
      if (lines.isEmpty()) {
        throw new WorkFailed("JVM %d was ended before it had measured".formatted(number));
      }
      samples.values().forEach(all -> all.removeIf(sample -> sample.fork().equals(fork)));
      add(fork, lines);
      return true;
    }
  }

  /** {@return the JVMs in which a work had no core for itself for long enough} */
  public List<Fork> loud() {
    return cores.keySet().stream()
        .filter(fork -> samples.values().stream().flatMap(List::stream).anyMatch(isLoudIn(fork)))
        .toList();
  }

  private Predicate<Sample> isLoudIn(Fork fork) {
    return sample -> sample.fork().equals(fork) && !isQuiet(sample);
  }

  /** A JVM that never had a core for itself does not know what that looks like; others do. */
  private boolean isQuiet(Sample sample) {
    Fork fork = sample.fork();
    return sample.isQuiet()
        && cores.getOrDefault(fork, CoreLook.UNKNOWN).isOwn(ownCore(fork.isBusy()));
  }

  /** What a core of one's own looks like, or beside the busy thread, as far as is known. */
  private CoreLook ownCore(boolean isBusy) {
    return cores.entrySet().stream()
        .filter(entry -> entry.getKey().isBusy() == isBusy)
        .map(Map.Entry::getValue)
        .reduce(CoreLook.UNKNOWN, CoreLook::least);
  }

  /**
   * {@return nanoseconds of a {@linkplain dev.cleave.bench.processor.Chains chain} of additions at
   * the quickest pace that a JVM has seen, which all times are given at}
   */
  public double chainNanos() {
    return chainNanos;
  }

  /** {@return the JVMs that were measured again, in that order} */
  public List<Fork> again() {
    return List.copyOf(again);
  }

  /** How many JVMs have measured. */
  public int done() {
    return done.size();
  }

  private List<String> lines(Fork fork) throws IOException, InterruptedException {
    Path errors = Files.createTempFile("cleave-stability", ".log");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                StabilityFork.class.getName(),
                Integer.toString(fork.number()),
                mix(fork.number()).name(),
                Double.toString(seconds),
                ownCore(fork.isBusy()).text())
            .redirectError(errors.toFile())
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0 && !isEnded(process)) {
      throw new WorkFailed(
          "JVM %d ended with %d; what it said is in %s"
              .formatted(fork.number(), process.exitValue(), errors));
    }
    Files.delete(errors);
    return out.lines().toList();
  }

  /** Ended by a signal, as are all when a person ends the command. */
  private static boolean isEnded(Process process) {
    return process.exitValue() > 128;
  }

  /** Takes what a {@link StabilityFork} has printed. */
  void add(Fork fork, List<String> lines) {
    String[] core = lines.getFirst().split(StabilityFork.SEPARATOR, -1);
    cores.put(fork, CoreLook.of(core[0]));
    chainNanos = Math.min(chainNanos, Double.parseDouble(core[1]));
    for (String line : lines.subList(1, lines.size())) {
      String[] fields = line.split(StabilityFork.SEPARATOR, -1);
      double chains = Double.parseDouble(fields[1]);
      double bytes = Double.parseDouble(fields[2]);
      Sample sample = new Sample(fork, chains, bytes, Boolean.parseBoolean(fields[3]));
      samples.computeIfAbsent(fields[0], _ -> new ArrayList<>()).add(sample);
    }
  }

  /**
   * How stable each work was, by name. How long it took beside others on the same core says nothing
   * of that, and is left out as long as other JVMs have measured it; garbage counts wherever it was
   * made.
   */
  public List<StabilityRow> rows() {
    return samples.entrySet().stream()
        .map(entry -> row(entry.getKey(), entry.getValue()))
        .sorted(Comparator.comparing(StabilityRow::work))
        .toList();
  }

  private StabilityRow row(String work, List<Sample> all) {
    List<Sample> quiet = all.stream().filter(this::isQuiet).toList();
    List<Sample> timed = quiet.isEmpty() ? all : quiet;
    Comparator<Sample> byTime = Comparator.comparingDouble(Sample::chains);
    Sample best = Collections.min(timed, byTime);
    Sample worst = Collections.max(timed, byTime);
    double bytes = all.stream().mapToDouble(Sample::bytes).max().orElseThrow();
    return StabilityRow.of(
        work,
        timed.size(),
        best.chains() * chainNanos,
        worst.chains() * chainNanos,
        bytes,
        worst.fork());
  }
}
