package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.api.FuzzedDataProvider;
import com.code_intelligence.jazzer.junit.FuzzTest;

/** Registers and the command and event rings: any write is answered, and pointers stay in them. */
class RingsFuzz {
  private static final int MOST = 3_000;
  private static final int STEPS = 32;
  private static final long RING_MASK = 0x7_FFF0;
  private static final long[] REGISTERS = {
    0, 8, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x2000, 0x2008, 0x2010, 0x2018, 0x2020, 0x1a0
  };

  @FuzzTest(maxExecutions = MOST)
  void anyWriteIsAnsweredAndPointersStayInTheRings(FuzzedDataProvider data) {
    Machine machine = new Machine();
    for (int step = 0; step < STEPS && data.remainingBytes() > 0; step++) {
      switch (data.consumeInt(0, 2)) {
        case 0 ->
            machine.iommu.writeMmio(
                REGISTERS[data.consumeInt(0, REGISTERS.length - 1)], data.consumeLong());
        case 1 -> {
          machine.memory.setLong(
              Machine.COMMANDS + data.consumeInt(0, 511) * 8L, data.consumeLong());
          machine.iommu.writeMmio(0x2008, data.consumeInt(0, 255) * 16L);
        }
        default -> {
          int device = data.consumeInt(0, 0xFFFF);
          long outcome = machine.iommu.translate(device, data.consumeLong(), data.consumeBoolean());
          assertTrue(outcome >= Outcome.NO_SUCH_ADDRESS, "outcome " + outcome);
        }
      }
      for (long pointer : new long[] {0x2000, 0x2008, 0x2010, 0x2018}) {
        assertEquals(0, machine.iommu.readMmio(pointer) & ~RING_MASK);
      }
    }
  }
}
