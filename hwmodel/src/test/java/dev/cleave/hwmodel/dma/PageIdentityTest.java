package dev.cleave.hwmodel.dma;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.memory.PhysicalMemoryFault;
import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Memory of two pieces that touch, and a hole behind them. */
class PageIdentityTest {
  private static final long SPA = 0x10_0000;
  private static final long PIECE_BYTES = 0x3000;
  private static final long BYTES = 2 * PIECE_BYTES;
  private static final long IOVA = 0x7_0000_0000L;
  private static final PageIdentity IDENTITY = new PageIdentity(0x5a5a_0000_0000_0000L);

  private final PhysicalMemory memory = new PhysicalMemory();

  PageIdentityTest() {
    for (long offset = 0; offset < BYTES; offset += PIECE_BYTES) {
      memory.allocate(SPA + offset, PIECE_BYTES, Arena.ofAuto());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0x6000", // all
    "0x1000, 0x1000",
    "0xff8, 0x2010", // neither end at that of a page
    "0x2ff0, 0x20", // over the seam
    "0x5ff8, 8",
    "0x800, 0"
  })
  void everyWordOfARangeSaysItsAddressAndNoOtherIsTouched(String start, String length) {
    long first = Long.decode(start);
    long bytes = Long.decode(length);
    IDENTITY.stamp(memory, SPA + first, IOVA + first, bytes);
    for (long offset = 0; offset < BYTES; offset += Long.BYTES) {
      boolean isStamped = offset >= first && offset < first + bytes;
      long expected = isStamped ? 0x5a5a_0007_0000_0000L + offset : 0;
      assertEquals(expected, memory.getLong(SPA + offset), "at " + Long.toHexString(offset));
    }
  }

  @Test
  void theFirstHoleIsNamedAndWhatLiesBeforeItIsWritten() {
    PhysicalMemoryFault fault =
        assertThrows(
            PhysicalMemoryFault.class, () -> IDENTITY.stamp(memory, SPA, IOVA, BYTES + 0x1000));
    assertEquals(SPA + BYTES, fault.address());
    assertEquals(IDENTITY.word(IOVA + BYTES - 8), memory.getLong(SPA + BYTES - 8));
  }
}
