package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Software reads the event log on its own thread: what the tail has passed is there. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class EventOrderTest {
  private static final int EVENTS = 400_000;
  private static final int RING_BYTES = 4096;

  private static final int MOST_SPINS = 10_000;
  private static final long PAUSE_NANOS = 1_000;

  private final Machine machine = new Machine();

  @Test
  void bothWordsOfAnEventAreInMemoryBeforeTheTailPassesIt() throws InterruptedException {
    machine.deviceEntry(Machine.DEVICE, 1, 0, 0);
    AtomicBoolean done = new AtomicBoolean();
    Thread hardware =
        new Thread(() -> {
          for (int event = 0; event < EVENTS && !done.get(); event++) {
            for (int spins = 0; isFull() && !done.get(); spins++) {
              pause(spins);
            }
            machine.read((long) event << 12);
          }
        });
    hardware.start();
    try {
      long at = 0;
      for (long event = 0; event < EVENTS; event++) {
        // hardly a pause: the shorter the way from tail to word, the sooner a word too late is seen
        for (int spins = 0; machine.iommu.readMmio(0x2018) == at; spins++) {
          pause(spins);
        }
        long q1 = machine.memory.getLong(Machine.EVENTS + at + 8);
        long q0 = machine.memory.getLong(Machine.EVENTS + at);
        assertEquals(event << 12, q1, "second word");
        assertEquals(0x2000_0000_0000_0008L, q0, "first word");
        // so that an event that is read too early is not mistaken for the last one there
        machine.memory.setLong(Machine.EVENTS + at + 8, -1);
        machine.memory.setLong(Machine.EVENTS + at, -1);
        at = (at + 16) % RING_BYTES;
        machine.iommu.writeMmio(0x2010, at);
      }
    } finally {
      done.set(true);
      hardware.join();
    }
    assertEquals(0, machine.iommu.statistics().eventsLost);
  }

  /** Lets the other thread run where there is one processor for both. */
  private static void pause(int spins) {
    if (spins > MOST_SPINS) {
      LockSupport.parkNanos(PAUSE_NANOS);
    }
  }

  private boolean isFull() {
    long next = (machine.iommu.readMmio(0x2018) + 16) % RING_BYTES;
    return next == machine.iommu.readMmio(0x2010);
  }
}
