package dev.cleave.engine;

/**
 * Hardware that puts a directory where a leaf was, together with something else that must change in
 * the same step, such as an RMP entry. Source: {@code docs/spec/tee-io.md} §8.
 */
@FunctionalInterface
public interface LeafExchange {
  /**
   * Replaces the leaf, if it can: the accessed and dirty bits that the leaf has then stand in every
   * entry of the table. If it throws it has done nothing.
   *
   * @param slot physical address of the 8-byte slot of a 2 MiB leaf
   * @param table physical address of a table of 512 leaves of 4 KiB that translate alike, 4
   *     KiB-aligned; nothing leads to it yet
   * @return false if nothing has changed; else the slot holds a directory to the table
   */
  boolean exchange(long slot, long table);
}
