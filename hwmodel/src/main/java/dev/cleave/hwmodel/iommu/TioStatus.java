package dev.cleave.hwmodel.iommu;

/**
 * What the firmware answers to a guest's message. The codes of MMIO_VALIDATE and SDTE_WRITE share
 * their first three values. SEV-TIO firmware interface 58271, as AMD's guest driver has it.
 */
public final class TioStatus {
  /** Done. */
  public static final int SUCCESS = 0;

  /** There is no such device interface. */
  public static final int INVALID_TDI = 1;

  /** The interface is not bound to the guest that asks. */
  public static final int NOT_BOUND = 2;

  /** SDTE_WRITE: a bit is set that is not the guest's. */
  public static final int RESERVED = 3;

  /** MMIO_VALIDATE: a page is not assigned to the guest. */
  public static final int MMIO_NOT_ASSIGNED = 3;

  /** MMIO_VALIDATE: a page is not the device's. */
  public static final int MMIO_NOT_IO = 4;

  /** MMIO_VALIDATE: some pages are validated and others are not. */
  public static final int MMIO_NOT_UNIFORM = 5;

  /** MMIO_VALIDATE: a page is not immutable. */
  public static final int MMIO_NOT_IMMUTABLE = 6;

  /** MMIO_VALIDATE: the guest sees a page elsewhere. */
  public static final int MMIO_WRONG_GPA = 7;

  /** MMIO_VALIDATE: the device's report has no such range. */
  public static final int MMIO_NOT_REPORTED = 8;

  /** MMIO_VALIDATE: the range passes the end of what the report has. */
  public static final int MMIO_OUT_OF_RANGE = 9;

  /** MMIO_VALIDATE: a page is not one of 4 KiB. */
  public static final int MMIO_NOT_4K = 10;

  private TioStatus() {}
}
