package dev.cleave.hwmodel.dma;

/**
 * What a device's memory holds while nothing goes wrong: a word for each address that the device
 * may use. What it says of an address must not change between a device's write and its next read.
 */
@FunctionalInterface
public interface MemoryContents {
  /**
   * The word at an address.
   *
   * @param iova I/O virtual address, a multiple of 8
   * @return what memory holds there
   */
  long word(long iova);
}
