package dev.cleave.hwmodel.iommu;

/**
 * Whose a cached translation is: one word, compared as a whole.
 *
 * <pre>
 *  52  51  50 49     38  37   36  35          16 15         0
 * +------+---+---------+----+----+--------------+------------+
 * | VMPL | C |  ASID   |ONLY| GN |    PASID     |  domain id |
 * +------+---+---------+----+----+--------------+------------+
 * </pre>
 *
 * <p>GN: through a guest table. ONLY: and through no host table, so that no change of one concerns
 * it. ASID: a trusted device's guest, else 0. C: looked up as private memory, and VMPL: with whose
 * rights; only then. An invalidation names some of the fields and leaves the others open; which,
 * its mask says. It never names the guest: the host flushes a domain for trusted devices and
 * others.
 */
final class CacheTag {
  private static final int PASID_SHIFT = 16;
  private static final long DOMAIN = 0xffff;
  private static final long PASID = 0xf_ffffL << PASID_SHIFT;
  private static final long GUEST = 1L << 36;
  private static final long ONLY = 1L << 37;
  private static final int ASID_SHIFT = 38;
  private static final long PRIVATE = 1L << 50;
  private static final int VMPL_SHIFT = 51;

  /** What an invalidation of host directories names: a domain, and nothing under a guest table. */
  static final long DIRECTORY_MASK = DOMAIN | PASID | GUEST | ONLY;

  /** What an invalidation of host translations names: a domain, under a guest table or not. */
  static final long HOST_MASK = DOMAIN | (Choices.HOST_INVALIDATION_SPARES_GUEST_ONLY ? ONLY : 0);

  /** What an invalidation of guest translations names: a PASID's, over a host table or not. */
  static final long GUEST_MASK = DOMAIN | PASID | GUEST;

  private CacheTag() {}

  /** A trusted device's guest, to be added to its other tags; 0 for no guest. */
  static long ofGuest(int asid) {
    return (long) asid << ASID_SHIFT;
  }

  /** What a look-up of private memory adds to a tag. */
  static long ofPrivate(int vmpl) {
    return PRIVATE | (long) vmpl << VMPL_SHIFT;
  }

  /** A domain's host translations. */
  static long host(int domainId) {
    return domainId;
  }

  /** A domain's guest translations for a PASID, which go through a host table or do not. */
  static long guest(int domainId, int pasid, boolean nested) {
    return domainId | (long) pasid << PASID_SHIFT | GUEST | (nested ? 0 : ONLY);
  }
}
