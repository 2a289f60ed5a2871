package dev.cleave.hwmodel.dma;

import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * What memory holds: every 8-byte word says which address it is, mixed with a number for its
 * domain. Who reads a word at an address and finds another went to the wrong page, and what was
 * found tells which. Devices write what they ought to find, so that a write to a wrong page is
 * found by the next reader of that page.
 *
 * @param salt what tells this domain's memory from another's
 */
public record PageIdentity(long salt) implements MemoryContents {
  private static final int BLOCK_WORDS = 512;

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
    long[] block = new long[BLOCK_WORDS];
    long words = bytes / Long.BYTES;
    for (long done = 0; done < words; done += BLOCK_WORDS) {
      int now = (int) Math.min(words - done, BLOCK_WORDS);
      for (int i = 0; i < now; i++) {
        block[i] = word(iova + (done + i) * Long.BYTES);
      }
      memory.writeLongs(spa + done * Long.BYTES, block, now);
    }
  }
}
