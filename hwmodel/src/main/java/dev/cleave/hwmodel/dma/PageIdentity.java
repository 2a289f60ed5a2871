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
  @Override
  public long word(long iova) {
    return iova ^ salt;
  }

  /**
   * Writes identities into memory.
   *
   * @param memory where
   * @param spa system physical address of the first word, a multiple of 8
   * @param iova what devices will call it, a multiple of 8
   * @param bytes a multiple of 8
   * @throws dev.cleave.hwmodel.memory.PhysicalMemoryFault at the first hole
   */
  public void stamp(PhysicalMemory memory, long spa, long iova, long bytes) {
    for (long offset = 0; offset < bytes; offset += Long.BYTES) {
      memory.setLong(spa + offset, word(iova + offset));
    }
  }
}
