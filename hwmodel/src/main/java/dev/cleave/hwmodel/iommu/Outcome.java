package dev.cleave.hwmodel.iommu;

/**
 * What became of a request: a system physical address, which is never negative, or one of the
 * negative numbers here. A refused request with an event is the event's code negated.
 */
public final class Outcome {
  /** An illegal device table entry. */
  public static final long ILLEGAL_DEV_TABLE_ENTRY = -Event.ILLEGAL_DEV_TABLE_ENTRY;

  /** A page fault, logged or suppressed. */
  public static final long IO_PAGE_FAULT = -Event.IO_PAGE_FAULT;

  /** The device table entry could not be read. */
  public static final long DEV_TAB_HARDWARE_ERROR = -Event.DEV_TAB_HARDWARE_ERROR;

  /** A page table entry could not be read. */
  public static final long PAGE_TAB_HARDWARE_ERROR = -Event.PAGE_TAB_HARDWARE_ERROR;

  /** A request the device may not make. */
  public static final long INVALID_DEVICE_REQUEST = -Event.INVALID_DEVICE_REQUEST;

  /** The RMP forbids it. */
  public static final long RMP_PAGE_FAULT = -Event.RMP_PAGE_FAULT;

  /** The RMP could not be read. */
  public static final long RMP_HW_ERROR = -Event.RMP_HW_ERROR;

  /** Not memory: the request went on as an interrupt message. No fault. */
  public static final long INTERRUPT = -16;

  /** An untranslated address that no system physical address can be: aborted without an event. */
  public static final long NO_SUCH_ADDRESS = -17;

  private Outcome() {}

  /**
   * Whether a request reaches memory.
   *
   * @param outcome what {@link Iommu#translate} returned
   * @return true if it is a system physical address
   */
  public static boolean isAddress(long outcome) {
    return outcome >= 0;
  }
}
