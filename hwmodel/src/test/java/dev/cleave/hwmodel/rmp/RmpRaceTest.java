package dev.cleave.hwmodel.rmp;

import static dev.cleave.hwmodel.rmp.RmpFixture.ASID;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_2M;
import static dev.cleave.hwmodel.rmp.RmpFixture.GUEST_4K;
import static dev.cleave.hwmodel.rmp.RmpFixture.IMMUTABLE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The IOMMU looks at a region while it is smashed and put together again. */
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class RmpRaceTest {
  private static final long REGION = 0x20_0000;
  private static final long GPA = 0x60_0000;
  private static final long PAGE = 0x12_3000;
  private final RmpFixture rmp = new RmpFixture();

  @Test
  void aRegionIsSeenAsOnePageOrAs512ButNeverAsNobodys() throws InterruptedException {
    rmp.update(0, REGION, GPA, GUEST_2M);
    AtomicBoolean done = new AtomicBoolean();
    AtomicLongArray small = new AtomicLongArray(6);
    AtomicLongArray large = new AtomicLongArray(6);
    AtomicLong nobodys = new AtomicLong();
    Thread iommu =
        new Thread(() -> {
          while (!done.get()) {
            small.incrementAndGet(check(false));
            large.incrementAndGet(check(true));
            if (rmp.map.checkShared(REGION + PAGE, false) == RmpVerdict.ALLOWED
                || rmp.map.checkShared(REGION + PAGE, true) == RmpVerdict.ALLOWED) {
              nobodys.incrementAndGet();
            }
          }
        });
    iommu.start();
    for (int round = 0; round < 200 || small.get(0) < 1000 || large.get(0) < 1000; round++) {
      assertEquals(0, rmp.cpu.psmash(REGION));
      for (long page = 0; page < 0x20_0000; page += 0x1000) {
        rmp.update(0, REGION + page, GPA + page, GUEST_4K | IMMUTABLE);
      }
      assertEquals(0, rmp.firmware.pageUnsmash(REGION));
      assertEquals(0, rmp.firmware.pageReclaim(REGION));
    }
    done.set(true);
    iommu.join();
    assertEquals(0, nobodys.get());
    for (AtomicLongArray seen : new AtomicLongArray[] {small, large}) {
      assertTrue(seen.get(RmpVerdict.ALLOWED) > 0 && seen.get(RmpVerdict.SIZE_MISMATCH) > 0);
      assertEquals(0, seen.get(RmpVerdict.WRONG_OWNER));
      assertEquals(0, seen.get(RmpVerdict.WRONG_GPA));
      assertEquals(0, seen.get(RmpVerdict.UNREADABLE));
      assertEquals(0, seen.get(RmpVerdict.WRONG_VMPL));
    }
  }

  private int check(boolean large) {
    return rmp.map.checkPrivate(REGION + PAGE, GPA + PAGE, ASID, large, 0, true);
  }
}
