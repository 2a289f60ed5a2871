package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Overlapping ranges one after the other, in the order of arrival; others side by side. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RangeLockTest {
  private final RangeLock lock = new RangeLock();

  /** Locks a range in a thread of its own, and waits until it has it or waits for it. */
  private final class Holder {
    private final Thread thread;
    private volatile boolean has;
    private volatile boolean mayGo;
    private volatile boolean wasInterrupted;

    Holder(long iova, long length) throws InterruptedException {
      thread =
          Thread.ofPlatform()
              .start(() -> {
                int held = lock.lock(iova, length);
                wasInterrupted = Thread.interrupted();
                has = true;
                while (!mayGo) {
                  Thread.onSpinWait();
                }
                lock.unlock(held);
              });
      while (!has && thread.getState() != Thread.State.WAITING) {
        Thread.sleep(1);
      }
    }

    boolean has() {
      return has;
    }

    void leave() throws InterruptedException {
      mayGo = true;
      thread.join();
    }

    void awaitHas() throws InterruptedException {
      while (!has) {
        Thread.sleep(1);
      }
    }
  }

  @Test
  void manyDisjointRangesAreLockedAtOnce() {
    List<Integer> held = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      held.add(lock.lock(i * 4096L, 4096));
    }
    held.forEach(lock::unlock);
    lock.unlock(lock.lock(0, 100 * 4096));
  }

  @ParameterizedTest
  @CsvSource({
    "1000, 1000, 0, 1000, true",
    "1000, 1000, 2000, 1000, true",
    "1000, 1000, 1fff, 1, false",
    "1000, 1000, 0, 1001, false",
    "1000, 1000, 0, ffffffffffffffff, false",
    "fffffffffffff000, 1000, 0, 1000, true",
    "fffffffffffff000, 1000, fffffffffffff800, 10, false"
  })
  void onlyWhoOverlapsWaits(
      String iova, String length, String otherIova, String otherLength, boolean isFree)
      throws InterruptedException {
    int held = lock.lock(hex(iova), hex(length));
    Holder other = new Holder(hex(otherIova), hex(otherLength));
    assertEquals(isFree, other.has());
    lock.unlock(held);
    other.awaitHas();
    other.leave();
  }

  private static long hex(String digits) {
    return Long.parseUnsignedLong(digits, 16);
  }

  @Test
  void nobodyOvertakesWhoWaitsForAPartOfTheRange() throws InterruptedException {
    Holder first = new Holder(0, 10);
    Holder second = new Holder(5, 15);
    Holder third = new Holder(15, 15);
    Holder elsewhere = new Holder(40, 10);
    assertTrue(first.has() && elsewhere.has(), "nobody is in their way");
    assertTrue(!second.has() && !third.has(), "the third waits for the second");
    first.leave();
    second.awaitHas();
    assertTrue(!third.has(), "the second is in its way");
    second.leave();
    third.awaitHas();
    third.leave();
    elsewhere.leave();
  }

  @Test
  void anInterruptIsKeptForTheCaller() throws InterruptedException {
    int held = lock.lock(0, 10);
    Holder waiting = new Holder(0, 10);
    waiting.thread.interrupt();
    Thread.sleep(5);
    assertTrue(!waiting.has(), "it goes on waiting");
    lock.unlock(held);
    waiting.awaitHas();
    assertTrue(waiting.wasInterrupted, "it finds the interrupt afterwards");
    waiting.leave();
  }

  @Test
  void whatIsNoRangeAndWhatIsNotLockedIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> lock.lock(0, 0));
    assertThrows(IllegalArgumentException.class, () -> lock.lock(-4096, 8192));
    assertThrows(IllegalArgumentException.class, () -> lock.unlock(0));
    int held = lock.lock(-4096, 4096);
    lock.unlock(held);
    assertThrows(IllegalArgumentException.class, () -> lock.unlock(held));
    assertThrows(IllegalArgumentException.class, () -> lock.unlock(-1));
  }

  @Test
  void whoHasARangeHasItAlone() throws InterruptedException {
    int[] cells = new int[64];
    AtomicInteger violations = new AtomicInteger();
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Random random = new Random(i);
      threads.add(
          Thread.ofPlatform()
              .start(() -> {
                for (int round = 0; round < 3000; round++) {
                  int from = random.nextInt(cells.length);
                  int count = 1 + random.nextInt(Math.min(8, cells.length - from));
                  int held = lock.lock(from, count);
                  for (int cell = from; cell < from + count; cell++) {
                    violations.addAndGet(cells[cell]++);
                  }
                  for (int cell = from; cell < from + count; cell++) {
                    violations.addAndGet(--cells[cell]);
                  }
                  lock.unlock(held);
                }
              }));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertEquals(0, violations.get());
  }
}
