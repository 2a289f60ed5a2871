package dev.cleave.hwmodel.iommu;

/**
 * Why a request was refused: what its event says. One object per IOMMU, filled anew by each refusal
 * so that refusing allocates nothing.
 */
final class RequestFault {
  int code;
  int flags;
  long address;

  /** Fills it; returns the outcome of the request. */
  long set(int newCode, int newFlags, long newAddress) {
    code = newCode;
    flags = newFlags;
    address = newAddress;
    return -newCode;
  }
}
