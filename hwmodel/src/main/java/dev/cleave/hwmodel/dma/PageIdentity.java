package dev.cleave.hwmodel.dma;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * What memory holds: every 8-byte word says which address it is, mixed with a number for its
 * domain. Who reads a word at an address and finds another went to the wrong page, and what was
 * found tells which. Devices write what they ought to find, so that a write to a wrong page is
 * found by the next reader of that page.
 *
 * @param salt what tells this domain's memory from another's
 */
public record PageIdentity(long salt) implements MemoryContents {
  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final int BLOCK_BYTES = 4096;

  @Override
  public long word(long iova) {
    return iova ^ salt;
  }

  /**
   * Writes identities into memory, in blocks: neither atomically nor in order, so no device may be
   * at work there.
   *
   * @param memory where
   * @param spa system physical address of the first word, a multiple of 8
   * @param iova what devices will call it, a multiple of 8
   * @param bytes a multiple of 8
   * @throws dev.cleave.hwmodel.memory.PhysicalMemoryFault at the first hole; what lies before it
   *     has been written
   */
  public void stamp(PhysicalMemory memory, long spa, long iova, long bytes) {
    MemorySegment block = MemorySegment.ofArray(new long[BLOCK_BYTES / Long.BYTES]);
    for (long done = 0, now; done < bytes; done += now) {
      now = Math.min(bytes - done, BLOCK_BYTES);
      for (long offset = 0; offset < now; offset += Long.BYTES) {
        block.set(WORD, offset, word(iova + done + offset));
      }
      memory.write(spa + done, block, 0, now);
    }
  }
}
