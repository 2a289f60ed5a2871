package dev.cleave.hwmodel.iommu;

/**
 * Whose a cached translation is: one word, compared as a whole.
 *
 * <pre>
 *  37    36  35          16 15         0
 * +----+----+--------------+------------+
 * |ONLY| GN |    PASID     |  domain id |
 * +----+----+--------------+------------+
 * </pre>
 *
 * <p>GN: through a guest table. ONLY: and through no host table, so that no change of one concerns
 * it. An invalidation names some of the fields and leaves the others open; which, its mask says.
 */
final class CacheTag {
  private static final int PASID_SHIFT = 16;
  private static final long DOMAIN = 0xffff;
  private static final long PASID = 0xf_ffffL << PASID_SHIFT;
  private static final long GUEST = 1L << 36;
  private static final long ONLY = 1L << 37;

  /** Every field. */
  static final long EXACT = -1L;

  /** What an invalidation of host translations names: a domain, under a guest table or not. */
  static final long HOST_MASK = DOMAIN | (Choices.HOST_INVALIDATION_SPARES_GUEST_ONLY ? ONLY : 0);

  /** What an invalidation of guest translations names: a PASID's, over a host table or not. */
  static final long GUEST_MASK = DOMAIN | PASID | GUEST;

  private CacheTag() {}

  /** A domain's host translations. */
  static long host(int domainId) {
    return domainId;
  }

  /** A domain's guest translations for a PASID, which go through a host table or do not. */
  static long guest(int domainId, int pasid, boolean nested) {
    return domainId | (long) pasid << PASID_SHIFT | GUEST | (nested ? 0 : ONLY);
  }
}
