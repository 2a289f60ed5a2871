package dev.cleave.hwmodel.iommu;

/**
 * Which addresses a guest table of four or five levels translates. The sources differ: a processor
 * extends the highest bit, Linux says that without a PASID the IOMMU does not, and so gives up that
 * bit where a table must serve both.
 */
public enum GuestAddresses {
  /** 48 or 57 bits, all bits above a copy of the highest: as in a processor. */
  SIGN_EXTENDED,

  /** 48 or 57 bits, zeros above. */
  ZERO_EXTENDED,

  /** 47 or 56 bits, zeros above: what is good under each of the other rules. */
  LOWER_HALF,

  /** Sign-extended in requests with a PASID, zero-extended in those without. */
  BY_PASID;

  /** Whether an address lies in a table that decodes so many bits. */
  boolean holds(long address, int widthLog2, boolean hasPasid) {
    return switch (this) {
      case SIGN_EXTENDED -> isSignExtended(address, widthLog2);
      case ZERO_EXTENDED -> address >>> widthLog2 == 0;
      case LOWER_HALF -> address >>> (widthLog2 - 1) == 0;
      case BY_PASID -> hasPasid ? isSignExtended(address, widthLog2) : address >>> widthLog2 == 0;
    };
  }

  private static boolean isSignExtended(long address, int widthLog2) {
    long above = address >> (widthLog2 - 1);
    return above == 0 || above == -1;
  }
}
