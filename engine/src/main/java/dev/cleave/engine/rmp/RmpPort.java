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
   * Keeps all DMA waiting while the RMP and the table change together, as PSMASH_IO does. DMA goes
   * on afterwards whether the change returns or throws, and what it throws passes on. If it throws
   * by itself, before or behind the change, it is called once more, with what is left of the
   * change: that may be nothing.
   *
   * @param change what to do meanwhile, once, in this thread
   */
  void stalled(Runnable change);
}
