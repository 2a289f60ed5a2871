package dev.cleave.bench.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.replay.FailingGuest.Setup;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.agrona.collections.LongArrayList;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Each call that following the log of a real guest makes throws once, and is asked for again.
 *
 * <p>One run of the log lets the first call of every event throw, the next one the second, and so
 * on until no event makes so many. After every event what the event may have changed is as in a run
 * without failure, so that each call has failed in a run of its own, as it were.
 */
@Tag("slow")
@Timeout(value = 10, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class PageStateLogFailuresTest {
  private static final String LOG =
      "src/main/resources/dev/cleave/bench/traces/pagestate-linux-6.12.trace.gz";
  private static final int EVENTS = 7_621;
  private static final int BEGINNING = 500;

  /** A run without failure. */
  private record Reference(List<Long> states, long state, LongArrayList made, long usedBytes) {}

  static List<Setup> setups() {
    List<Setup> setups = new ArrayList<>();
    for (Order order : Order.values()) {
      for (boolean isLazy : new boolean[] {false, true}) {
        setups.add(new Setup(order, isLazy, false));
        setups.add(new Setup(order, isLazy, true));
      }
    }
    return setups;
  }

  private static Reference withoutFailure(Trace log, List<TraceEvent> events, Setup setup) {
    try (FailingGuest guest = new FailingGuest(setup, log.guestBytes())) {
      List<Long> states = new ArrayList<>();
      for (TraceEvent event : events) {
        assertFalse(guest.apply(event, 0));
        states.add(guest.stateAround());
      }
      return new Reference(states, guest.state(), guest.made(), guest.usedTableBytes());
    }
  }

  /** Lets a call of each event fail; returns how many did. */
  private static int run(
      Trace log, List<TraceEvent> events, Setup setup, Reference reference, int failingCall) {
    try (FailingGuest guest = new FailingGuest(setup, log.guestBytes())) {
      int failures = 0;
      for (int i = 0; i < events.size(); i++) {
        failures += guest.apply(events.get(i), failingCall) ? 1 : 0;
        if (reference.states().get(i) != guest.stateAround()) {
          throw new AssertionError(
              "state differs after %s, whose call %d failed".formatted(events.get(i), failingCall));
        }
      }
      assertEquals(reference.state(), guest.state(), "call " + failingCall);
      assertMade(reference.made(), guest.made(), failingCall);
      assertEquals(reference.usedBytes(), guest.usedTableBytes(), "call " + failingCall);
      return failures;
    }
  }

  private static void assertMade(LongArrayList wanted, LongArrayList made, int failingCall) {
    for (int i = 0; i < Math.max(wanted.size(), made.size()); i += FailingGuest.WORDS) {
      assertEquals(
          FailingGuest.callAt(wanted, i),
          FailingGuest.callAt(made, i),
          "call " + failingCall + " of each event failed, and a later one is another");
    }
  }

  /** Returns how many calls failed. */
  private static int failEach(Trace log, List<TraceEvent> events, Setup setup) {
    Reference reference = withoutFailure(log, events, setup);
    int all = 0;
    for (int call = 1; ; call++) {
      int failures = run(log, events, setup, reference, call);
      all += failures;
      if (failures == 0) {
        return all;
      }
    }
  }

  /** Lets each call fail once while the first events of the log are followed. */
  private static int failEach(Setup setup, int events) throws IOException {
    Trace log = Trace.read(List.of(LOG), true, _ -> {});
    assertEquals(EVENTS, log.events().size());
    return failEach(log, log.events().subList(0, events), setup);
  }

  @ParameterizedTest
  @MethodSource("setups")
  void eachCallOfTheLogsBeginningFailsOnceAndNothingIsLostOrDoneTwice(Setup setup)
      throws IOException {
    int failed = failEach(setup, BEGINNING);
    assertTrue(failed >= BEGINNING, failed + " calls failed");
  }

  @ParameterizedTest
  @MethodSource("setups")
  @Tag("full")
  void eachCallOfTheWholeLogFailsOnceAndNothingIsLostOrDoneTwice(Setup setup) throws IOException {
    int failed = failEach(setup, EVENTS);
    assertTrue(failed > EVENTS, failed + " calls failed");
  }
}
