package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Software changes a leaf while hardware sets A and D in it. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MarkRaceTest {
  private static final long WRITABLE = 0x7000_0000_0012_3001L;
  private static final long READ_ONLY = 0x3000_0000_0045_6001L;
  private static final int SWAPS = 200_000;

  /** Software goes on until it has met so many marks: then the two did run side by side. */
  private static final int MARKS = 1000;

  private final Machine machine = new Machine(IommuConfig.standard().withoutCaches());
  private final long leaves = machine.path(2, 0, 1);

  MarkRaceTest() {
    long q0 = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * Machine.DEVICE);
    machine.deviceEntry(Machine.DEVICE, q0 | 3L << 7, 1L << 34, 0);
    machine.entry(leaves, 0, WRITABLE);
  }

  /** Runs software against a device that writes all the time; returns its wrong addresses. */
  private long race(Runnable software) throws InterruptedException {
    AtomicBoolean done = new AtomicBoolean();
    long[] wrong = new long[1];
    Thread device =
        new Thread(() -> {
          while (!done.get()) {
            long outcome = machine.write(0);
            if (outcome != 0x123000L && outcome != Outcome.IO_PAGE_FAULT) {
              wrong[0]++;
            }
          }
        });
    device.start();
    software.run();
    done.set(true);
    device.join();
    return wrong[0];
  }

  @Test
  void dirtyNeverLandsOnALeafThatReplacedTheOneWrittenThrough() throws InterruptedException {
    long[] seen = new long[2];
    long wrong =
        race(() -> {
          for (int i = 0; i < SWAPS || seen[0] < MARKS; i++) {
            long old = machine.memory.getAndSetLong(leaves, READ_ONLY);
            seen[0] += (old & 0x40) != 0 ? 1 : 0;
            long replaced = machine.memory.getAndSetLong(leaves, WRITABLE);
            seen[1] += replaced == READ_ONLY ? 0 : 1;
          }
        });
    assertEquals(0, wrong);
    assertEquals(0, seen[1], "a read-only leaf was marked by a write");
  }

  @Test
  void softwaresOwnBitsSurviveTheMarks() throws InterruptedException {
    long[] seen = new long[2];
    long wrong =
        race(() -> {
          for (long count = 1; count <= SWAPS || seen[0] < MARKS; count++) {
            long old;
            do {
              old = machine.memory.getLong(leaves);
              seen[1] += (old >>> 1 & 0xf) == ((count - 1) & 0xf) ? 0 : 1;
            } while (!machine.memory.compareAndSetLong(leaves, old, counted(old, count)));
            seen[0] += (old & 0x40) != 0 ? 1 : 0;
          }
        });
    assertEquals(0, wrong);
    assertEquals(0, seen[1], "software's bits were lost");
  }

  /** The leaf with a count in its ignored bits 4:1, A and D clear. */
  private static long counted(long leaf, long count) {
    return (leaf & ~0x7eL) | (count & 0xf) << 1;
  }
}
