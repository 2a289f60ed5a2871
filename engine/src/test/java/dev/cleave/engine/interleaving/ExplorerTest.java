package dev.cleave.engine.interleaving;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.interleaving.Explorer.Scenario;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The explorer leaves out nothing that makes a difference. */
@Tag("slow")
class ExplorerTest {
  private static final long WORD = 1L << 32;

  /** A program of a thread: each number is an action on one of three words, or on a lock. */
  private record Program(List<int[]> threads) {
    @Override
    public String toString() {
      return threads.stream().map(Arrays::toString).toList().toString();
    }

    static Program random(Random random) {
      List<int[]> threads = new ArrayList<>();
      int count = 2 + random.nextInt(2);
      for (int thread = 0; thread < count; thread++) {
        threads.add(random.ints(count == 2 ? 5 : 3 - thread / 2, 0, 15).toArray());
      }
      return new Program(threads);
    }
  }

  /** Runs a program; what its threads saw and left is added to a set at the end. */
  private static Function<ScheduledPages, Scenario> scenario(Program program, Set<String> seen) {
    return memory -> {
      List<StringBuilder> views = new ArrayList<>();
      List<Runnable> threads = new ArrayList<>();
      for (int[] actions : program.threads) {
        StringBuilder view = new StringBuilder();
        views.add(view);
        int me = views.size();
        threads.add(() -> act(memory, actions, me, view));
      }
      return scenario(
          threads,
          () ->
              seen.add(
                  views
                      + " "
                      + memory.loadAcquire(WORD)
                      + memory.loadAcquire(WORD + 8)
                      + memory.loadAcquire(WORD + 16)));
    };
  }

  private static void act(ScheduledPages memory, int[] actions, int me, StringBuilder view) {
    boolean isLocked = false;
    for (int i = 0; i < actions.length; i++) {
      long word = WORD + 8L * (actions[i] % 3);
      switch (actions[i] / 3) {
        case 0, 1 -> view.append(memory.loadAcquire(word)).append(' ');
        case 2 -> memory.storeRelease(word, 10L * me + i);
        case 3 -> view.append(memory.exchange(word, 10L * me + i)).append(' ');
        default -> {
          if (!isLocked) {
            memory.lockShared(0);
            isLocked = true;
          }
        }
      }
    }
    if (isLocked) {
      memory.unlockShared(0);
    }
  }

  private static Scenario scenario(List<Runnable> threads, Runnable check) {
    return new Scenario() {
      @Override
      public List<Runnable> threads() {
        return threads;
      }

      @Override
      public LongSupplier top() {
        return () -> 0;
      }

      @Override
      public void check() {
        check.run();
      }
    };
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void everyOutcomeOfEveryInterleavingIsFound(long seed) {
    Random random = new Random(seed);
    for (int i = 0; i < 6; i++) {
      Program program = Program.random(random);
      Set<String> some = new TreeSet<>();
      Set<String> all = new TreeSet<>();
      int threads = program.threads.size();
      Explorer.Outcome reduced = Explorer.explore(threads, scenario(program, some));
      Explorer.Outcome whole = Explorer.exploreUnreduced(threads, scenario(program, all));
      assertEquals(all, some, () -> "of program " + program);
      assertTrue(reduced.runs() <= whole.runs(), "nothing was tried twice");
    }
  }

  @Test
  void aLostUpdateIsFoundAndItsScheduleTold() {
    AssertionError found =
        assertThrows(
            AssertionError.class,
            () ->
                Explorer.explore(
                    2,
                    memory -> {
                      Runnable increment =
                          () -> memory.storeRelease(WORD, memory.loadAcquire(WORD) + 1);
                      return scenario(
                          List.of(increment, increment),
                          () -> assertEquals(2, memory.loadAcquire(WORD)));
                    }));
    assertTrue(
        String.valueOf(found.getMessage()).contains("B: read page 0 entry 0"), found.getMessage());
  }

  @Test
  void threadsThatWaitForEachOtherAreFound() {
    AssertionError found =
        assertThrows(
            AssertionError.class,
            () ->
                Explorer.explore(
                    2,
                    memory ->
                        scenario(
                            List.of(() -> lockBoth(memory, 0, 1), () -> lockBoth(memory, 1, 0)),
                            () -> {})));
    assertTrue(
        String.valueOf(found.getMessage()).startsWith("all threads wait"), found.getMessage());
  }

  private static void lockBoth(ScheduledPages memory, int first, int second) {
    memory.lockShared(first);
    memory.lockShared(second);
    memory.unlockShared(second);
    memory.unlockShared(first);
  }

  @Test
  void aThreadThatPausesGoesOnWhenSomethingItReadWasWritten() {
    Set<Integer> attempts = new HashSet<>();
    Explorer.explore(
        2,
        memory -> {
          int[] count = new int[1];
          return scenario(
              List.of(
                  () -> {
                    memory.storeRelease(WORD + 8, 1);
                    memory.storeRelease(WORD, 1);
                  },
                  () -> {
                    while (memory.loadAcquire(WORD) == 0) {
                      memory.pause(count[0]++);
                    }
                  }),
              () -> attempts.add(count[0]));
        });
    assertEquals(Set.of(0, 1), attempts);
  }
}
