package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

/** Tables in memory, host and guest: every request ends in an address or in a defined event. */
class TablesFuzz {
  private static final int MOST = 3_000;
  private static final int REQUESTS = 16;
  private static final long TABLES = 0x40000;
  private static final long MOST_PAGES = 8;

  /** Of a host walk and, for each of at most seven steps of a guest's, one more. */
  private static final int MOST_STEPS = 6 * 8 + 7;

  @FuzzTest(maxExecutions = MOST)
  void aRequestEndsInAnAddressOrADefinedEvent(FuzzedDataProvider data) {
    Machine machine =
        new Machine(IommuConfig.standard().withGuestTables(), data.consumeBoolean() ? 8L << 20 : 0);
    machine.deviceEntry(Machine.DEVICE, data.consumeLong(), data.consumeLong(), data.consumeLong());
    for (int requests = 0; requests < REQUESTS && data.remainingBytes() > 0; requests++) {
      long at = TABLES + data.consumeLong(0, MOST_PAGES * 512 - 1) * 8;
      machine.memory.setLong(at, data.consumeLong());
      Statistics counts = machine.iommu.statistics();
      long steps = counts.walkSteps + counts.guestSteps;
      int pasid = data.consumeInt(-1, 1 << 20);
      int flags = data.consumeInt(0, 7);
      long outcome = machine.iommu.translate(Machine.DEVICE, pasid, data.consumeLong(), flags);
      assertTrue(outcome >= Outcome.NO_SUCH_ADDRESS, "outcome " + outcome);
      assertTrue(outcome < 0 || outcome >>> 52 == 0, "address " + Long.toHexString(outcome));
      assertTrue(counts.walkSteps + counts.guestSteps - steps <= MOST_STEPS, "a walk has an end");
    }
  }
}
