package dev.cleave.engine.rmp;

/**
 * What changes the RMP: the hypervisor's instructions and the firmware's commands, or a model of
 * them. Addresses are guest physical; the port knows where the guest's pages lie. Source: {@code
 * spec/rmp.md} §2.
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
   * @param gpa of the region, 2 MiB-aligned
   * @return false if the firmware refuses
   */
  boolean unsmash(long gpa);

  /**
   * RMPUPDATE: unassigns pages.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096; regions that lie wholly inside are unassigned
   *     by entries of 2 MiB
   */
  void unassign(long gpa, long length);

  /**
   * RMPUPDATE: assigns pages to the guest.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096
   * @param large whether to do it with 2 MiB entries; the range is then whole regions
   */
  void assign(long gpa, long length, boolean large);

  /**
   * Keeps all DMA waiting while the RMP and the table change together, as PSMASH_IO does.
   *
   * @param change what to do meanwhile
   */
  void stalled(Runnable change);
}
