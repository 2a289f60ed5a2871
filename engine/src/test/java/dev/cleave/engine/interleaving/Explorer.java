package dev.cleave.engine.interleaving;

import static dev.cleave.engine.interleaving.Schedule.NOBODY;

import dev.cleave.engine.interleaving.Schedule.Kind;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Tries every interleaving of the threads of a scenario, but for those that differ only in the
 * order of steps that do not depend on each other: two steps do when they access the same thing and
 * one of them writes it. That is dynamic partial-order reduction with source sets and sleep sets
 * (Abdulla, Aronis, Jonsson and Sagonas, 2014). The scenario is run from its beginning for each.
 *
 * <ol>
 *   <li>A first run goes anyhow. Vector clocks tell which of its steps happened before which.
 *   <li>Wherever a step races with an earlier one of another thread, that other order is to be
 *       tried from the state before the earlier one.
 *   <li>Depth first, the last state with something left to try is returned to. A thread that was
 *       tried there sleeps in what follows until a step that depends on its own is done.
 * </ol>
 *
 * <p>A step that changes the top depends on all others, since every step may read it.
 */
public final class Explorer {
  private static final int MOST_RUNS = 2_000_000;

  /** What is run: made anew for each interleaving, so that each begins in the same state. */
  public interface Scenario {
    /**
     * The threads, the first of which is called A.
     *
     * @return what they do
     */
    List<Runnable> threads();

    /**
     * What a step may read and change unseen: the top of the table.
     *
     * @return where to read it
     */
    LongSupplier top();

    /** Looks at how it ended. */
    void check();
  }

  /**
   * How much was tried.
   *
   * @param runs whole runs, no two of which are alike
   * @param cut runs that were given up since they were going to be like another
   * @param steps of all of them
   */
  public record Outcome(int runs, int cut, long steps) {}

  private static final class Node {
    int chosen;
    int enabled;
    int toTry;
    int asleep;
    final int[][] prints;
    int[] print = {};

    Node(int threads) {
      prints = new int[threads][];
    }
  }

  private final int threads;
  private final BiFunction<Schedule, MemorySegment, ScheduledPages> memories;
  private final Function<ScheduledPages, Scenario> scenarios;
  private final Happened happened;
  private final boolean isReduced;
  private final Schedule schedule;
  private final List<Node> nodes = new ArrayList<>();
  private int fixed;
  private int depth;
  private int[] print = new int[64];
  private int accesses;

  private Explorer(
      int threads,
      BiFunction<Schedule, MemorySegment, ScheduledPages> memories,
      Function<ScheduledPages, Scenario> scenarios,
      boolean isReduced) {
    this.threads = threads;
    this.isReduced = isReduced;
    this.memories = memories;
    this.scenarios = scenarios;
    this.happened = new Happened(threads, this::race);
    this.schedule = new Schedule(this, threads);
  }

  /**
   * Tries all interleavings of a scenario on the engine as it is.
   *
   * @param threads number of its threads
   * @param scenarios makes the scenario of a run in its memory
   * @return how many that were
   * @throws AssertionError if one ended badly, with its schedule
   */
  public static Outcome explore(int threads, Function<ScheduledPages, Scenario> scenarios) {
    return explore(threads, ScheduledPages::new, scenarios);
  }

  /**
   * Tries all interleavings of a scenario.
   *
   * @param threads number of its threads
   * @param memories makes the memory of a run
   * @param scenarios makes the scenario of a run in its memory
   * @return how many that were
   * @throws AssertionError if one ended badly, with its schedule
   */
  public static Outcome explore(
      int threads,
      BiFunction<Schedule, MemorySegment, ScheduledPages> memories,
      Function<ScheduledPages, Scenario> scenarios) {
    return new Explorer(threads, memories, scenarios, true).explore();
  }

  /** Tries all interleavings, also those that differ in nothing: to check the reduction with. */
  static Outcome exploreUnreduced(int threads, Function<ScheduledPages, Scenario> scenarios) {
    return new Explorer(threads, ScheduledPages::new, scenarios, false).explore();
  }

  private Outcome explore() {
    Outcome[] outcome = new Outcome[1];
    @Nullable Throwable[] failure = new Throwable[1];
    // Virtual threads hand the turn to each other without the system's help.
    Thread runner =
        Thread.ofVirtual()
            .start(() -> {
              try {
                outcome[0] = exploreAll();
              } catch (Throwable e) {
                failure[0] = e;
              }
            });
    try {
      runner.join();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    switch (failure[0]) {
      case null -> {}
      case AssertionError e -> throw e;
      default -> throw new IllegalStateException(failure[0]);
    }
    return outcome[0];
  }

  private Outcome exploreAll() {
    MemorySegment segment = Arena.ofAuto().allocate(ScheduledPages.PAGES * 4096L, 4096);
    int runs = 0;
    int cut = 0;
    long steps = 0;
    do {
      segment.fill((byte) 0);
      boolean isWhole = runOnce(segment);
      runs++;
      cut += isWhole ? 0 : 1;
      steps += depth;
      if (runs == MOST_RUNS) {
        throw new AssertionError("not done after " + runs + " runs: the scenario is too large");
      }
    } while (backtrack());
    return new Outcome(runs - cut, cut, steps);
  }

  /** Returns false if the run was given up since it would be like one that was seen. */
  private boolean runOnce(MemorySegment segment) {
    depth = 0;
    accesses = 0;
    isCut = false;
    happened.clear();
    try (ScheduledPages memory = memories.apply(schedule, segment)) {
      Scenario scenario = scenarios.apply(memory);
      @Nullable Throwable failure = schedule.run(scenario.threads(), scenario.top());
      if (failure == null && !isCut) {
        try {
          scenario.check();
        } catch (AssertionError | RuntimeException e) {
          failure = e;
        }
      }
      if (failure != null) {
        throw new AssertionError(failure.getMessage() + "\n" + describe(), failure);
      }
    } catch (IllegalStateException e) {
      if (!isCut) { // a run that was given up leaves its pages
        throw new AssertionError(e.getMessage() + "\n" + describe(), e);
      }
    }
    return !isCut;
  }

  private boolean isCut;

  // ---- choices -------------------------------------------------------------------------------

  /** Says whose turn it is, of those that can go on. */
  int choose(int enabled, int last) {
    if (depth < fixed) {
      Node node = nodes.get(depth);
      if ((enabled & 1 << node.chosen) == 0) {
        throw new IllegalStateException("a scenario must not differ from run to run");
      }
      node.enabled = enabled;
      return node.chosen;
    }
    Node node = new Node(threads);
    node.enabled = enabled;
    if (depth > 0 && isReduced) {
      sleepOn(nodes.get(depth - 1), node);
    }
    int awake = enabled & ~node.asleep;
    if (awake == 0) {
      isCut = true;
      return NOBODY;
    }
    boolean goesOn = last >= 0 && (awake & 1 << last) != 0;
    node.chosen = goesOn ? last : Integer.numberOfTrailingZeros(awake);
    node.toTry = isReduced ? 1 << node.chosen : enabled;
    nodes.add(node);
    return node.chosen;
  }

  private void sleepOn(Node before, Node node) {
    for (int thread = 0; thread < threads; thread++) {
      boolean sleeps = (before.asleep & 1 << thread) != 0 && thread != before.chosen;
      if (sleeps && !Happened.depend(before.prints[thread], before.print)) {
        node.asleep |= 1 << thread;
        node.prints[thread] = before.prints[thread];
      }
    }
  }

  void touch(int name, Kind kind) {
    add(Happened.access(name, kind));
  }

  private void add(int access) {
    if (accesses == print.length) {
      print = Arrays.copyOf(print, 2 * accesses);
    }
    print[accesses++] = access;
  }

  void endStep(int thread, boolean isTopNew) {
    if (isTopNew) {
      add(Happened.TOP);
    }
    if (depth < nodes.size()) {
      Node node = nodes.get(depth);
      node.print = Arrays.copyOf(print, accesses);
      happened.step(depth, thread, node.print);
    }
    accesses = 0;
    depth++;
  }

  /** A step could have come before an earlier one: that is to be tried. */
  private void race(int earlier, int initials, int thread) {
    Node node = nodes.get(earlier);
    int able = initials & node.enabled;
    if (able == 0) {
      node.toTry |= node.enabled;
    } else if ((able & node.toTry) == 0) {
      boolean isAble = (able & 1 << thread) != 0;
      node.toTry |= isAble ? 1 << thread : Integer.lowestOneBit(able);
    }
  }

  /** Goes back to the last state where something is left to try; false when there is none. */
  private boolean backtrack() {
    while (!nodes.isEmpty()) {
      Node node = nodes.getLast();
      node.asleep |= 1 << node.chosen;
      node.prints[node.chosen] = node.print;
      int left = node.toTry & ~node.asleep;
      if (left != 0) {
        node.chosen = Integer.numberOfTrailingZeros(left);
        fixed = nodes.size();
        return true;
      }
      nodes.removeLast();
    }
    return false;
  }

  // ---- a schedule for a person ---------------------------------------------------------------

  private String describe() {
    StringBuilder text = new StringBuilder("schedule:");
    int last = NOBODY;
    for (Node node : nodes) {
      if (node.chosen != last) {
        text.append("\n  ").append((char) ('A' + node.chosen)).append(':');
        last = node.chosen;
      }
      for (int access : node.print) {
        text.append(' ').append(Happened.describe(access)).append(',');
      }
    }
    return text.toString();
  }
}
