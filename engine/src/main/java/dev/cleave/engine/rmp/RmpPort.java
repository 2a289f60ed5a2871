package dev.cleave.engine.rmp;

/**
 * What changes the RMP: the hypervisor's instructions and the firmware's commands, or a model of
 * them. Addresses are guest physical; the port knows where the guest's pages lie.
 *
 * <p>Any method may throw, and has done nothing then: the {@link RmpFollower} makes the same call
 * again when its own is made again. A port that works page by page and stops in the middle takes
 * back what it did, or is prepared for pages that are as they should be. Source: {@code
 * docs/spec/rmp.md} §2.
 */
public interface RmpPort {
  /**
   * PSMASH: replaces the 2 MiB entry of a region by 512 of 4 KiB.
   *
   * @param gpa of the region, 2 MiB-aligned
   */
  void smash(long gpa);

  /**
   * SNP_PAGE_UNSMASH: replaces 512 entries of 4 KiB by one of 2 MiB.
   *
   * @param gpa of the region, 2 MiB-aligned; all its pages are private
   * @return false if the firmware refuses, and nothing has changed
   */
  boolean unsmash(long gpa);

  /**
   * RMPUPDATE: unassigns pages, which are shared from then on. No 2 MiB entry reaches over an end
   * of the range.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096
   */
  void unassign(long gpa, long length);

  /**
   * RMPUPDATE: assigns pages to the guest, which are private from then on.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096
   * @param isLarge whether by 2 MiB entries; the range is then whole regions for which {@link
   *     #canBeLarge} was true
   */
  void assign(long gpa, long length, boolean isLarge);

  /**
   * Whether 2 MiB entries can cover regions: their memory is contiguous and lies right.
   *
   * @param gpa first address, 2 MiB-aligned
   * @param length bytes, a positive multiple of 2 MiB
   * @return false where they need 4 KiB entries
   */
  boolean canBeLarge(long gpa, long length);

  /**
   * Whether {@link #exchange} can be asked for.
   *
   * @param gpa of a region with a 2 MiB entry, 2 MiB-aligned
   * @return false, as here always, where {@link #smash} and {@link #stalled} are to be used
   */
  default boolean canExchange(long gpa) {
    return false;
  }

  /**
   * PSMASH_IO: replaces the 2 MiB entry of a region by 512 of 4 KiB, and the leaf that leads to it
   * by a directory, in one step during which all DMA waits. If it throws it has done nothing.
   *
   * <p>Asked for in the atomic order alone, by a follower of a single table, where {@link
   * #canExchange} says so. If it declines, {@link #smash} and {@link #stalled} are used. Source:
   * {@code docs/spec/tee-io.md} §8.
   *
   * @param gpa of the region, 2 MiB-aligned
   * @param slot physical address of the 8-byte slot that holds the region's leaf of 2 MiB
   * @param table physical address of a table of 512 leaves of 4 KiB which translate alike; accessed
   *     and dirty bits of the leaf are to be handed to them
   * @return false if nothing has changed, as here always
   */
  default boolean exchange(long gpa, long slot, long table) {
    return false;
  }

  /**
   * Keeps all DMA waiting while the RMP and the table change together. DMA goes on afterwards
   * whether the change returns or throws, and what it throws passes on. If it throws by itself,
   * before or behind the change, it is called once more, with what is left of the change: that may
   * be nothing.
   *
   * @param change what to do meanwhile, once, in this thread
   */
  void stalled(Runnable change);
}
