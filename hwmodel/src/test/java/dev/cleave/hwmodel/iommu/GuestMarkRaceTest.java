package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Software changes leaves of either stage while hardware sets A and D in both. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class GuestMarkRaceTest {
  private static final int PASID = GuestMachine.PASID;
  private static final long GVA = 0x1234_4000_0000L;
  private static final long GPA = 0x40_0000_0000L;
  private static final long SPA = 0x12_3000;

  /** Software goes on until it has met so many marks: then the two did run side by side. */
  private static final int MARKS = 1000;

  private final GuestMachine guest =
      new GuestMachine(IommuConfig.standard().withoutCaches(), 3, 3, 4);
  private final long leaf;
  private final long hostLeaf;

  GuestMarkRaceTest() {
    guest.attach(3, true);
    long at = Machine.DEVICE_TABLE + 32L * Machine.DEVICE + 8;
    guest.machine.memory.setLong(at, guest.machine.memory.getLong(at) | 1L << 34);
    long leaves = guest.map(PASID, GVA, 1, GPA | GuestMachine.CLEAN);
    leaf = guest.spaOf(leaves) + Machine.index(GVA, 1) * 8L;
    guest.hostEntry(GPA, 1, GuestMachine.HOST_RW | SPA);
    hostLeaf = guest.hostSlot(GPA, 1);
  }

  /** On a single processor it would not get its turn; where it is cut off is up to chance. */
  private static void letTheDeviceRun() {
    LockSupport.parkNanos(1);
  }

  /** Swaps two entries beside a device that writes; counts D in the one that forbids writes. */
  private void race(long at, long writable, long readOnly) throws InterruptedException {
    AtomicBoolean done = new AtomicBoolean();
    long[] wrong = new long[1];
    Thread device =
        new Thread(() -> {
          while (!done.get()) {
            long outcome = guest.write(PASID, GVA);
            if (outcome != SPA && outcome != Outcome.IO_PAGE_FAULT) {
              wrong[0]++;
            }
          }
        });
    device.start();
    int marked = 0;
    int wronglyMarked = 0;
    while (marked < MARKS) {
      long old = guest.machine.memory.getAndSetLong(at, readOnly);
      marked += (old & 0x40) != 0 ? 1 : 0;
      long replaced = guest.machine.memory.getAndSetLong(at, writable);
      wronglyMarked += (replaced & 0x40) != 0 ? 1 : 0;
      letTheDeviceRun();
    }
    done.set(true);
    device.join();
    assertEquals(0, wrong[0]);
    assertEquals(0, wronglyMarked, "a read-only leaf was marked by a write");
  }

  @Test
  void dirtyNeverLandsOnAGuestLeafThatReplacedTheOneWrittenThrough() throws InterruptedException {
    race(leaf, GPA | 0x07, GPA | 0x05);
  }

  @Test
  void dirtyNeverLandsOnAHostLeafThatReplacedTheOneWrittenThrough() throws InterruptedException {
    race(hostLeaf, GuestMachine.HOST_RW | SPA, 0x3000_0000_0000_0001L | SPA);
  }

  @Test
  void softwaresOwnBitsInAGuestLeafSurviveTheMarks() throws InterruptedException {
    AtomicBoolean done = new AtomicBoolean();
    Thread device =
        new Thread(() -> {
          while (!done.get()) {
            guest.write(PASID, GVA);
          }
        });
    device.start();
    int marked = 0;
    int lost = 0;
    long count = 0;
    while (marked < MARKS) {
      count++;
      long old;
      do {
        old = guest.machine.memory.getLong(leaf);
        lost += (old >>> 52 & 0x7ff) == ((count - 1) & 0x7ff) ? 0 : 1;
      } while (!guest.machine.memory.compareAndSetLong(
          leaf, old, GPA | GuestMachine.CLEAN | (count & 0x7ff) << 52));
      marked += (old & 0x40) != 0 ? 1 : 0;
      letTheDeviceRun();
    }
    done.set(true);
    device.join();
    assertEquals(0, lost);
  }
}
