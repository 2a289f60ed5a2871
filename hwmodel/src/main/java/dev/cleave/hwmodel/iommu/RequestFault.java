package dev.cleave.hwmodel.iommu;

/**
 * Why a request was refused: what its event says. One object per IOMMU, filled anew by each refusal
 * so that refusing allocates nothing.
 */
final class RequestFault {
  int code;
  int flags;
  long address;

  /** Whose guest table it was, or {@link Request#NO_PASID}. */
  int pasid;

  /** Fills it; returns the outcome of the request. */
  long set(int newCode, int newFlags, long newAddress) {
    code = newCode;
    flags = newFlags;
    address = newAddress;
    pasid = Request.NO_PASID;
    return -newCode;
  }

  /** Fills it for a guest translation; returns the outcome of the request. */
  long setGuest(int newCode, int newFlags, long newAddress, int newPasid) {
    long outcome = set(newCode, newFlags, newAddress);
    pasid = newPasid;
    return outcome;
  }
}
