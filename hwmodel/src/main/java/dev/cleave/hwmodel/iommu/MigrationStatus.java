package dev.cleave.hwmodel.iommu;

/**
 * What the migration engine answers: the status byte of ring entries and of PSMASH_IO entries. AMD
 * 58151 revision 0.51, as one driver has it. The model gives those that it can find a reason for;
 * the reason that it finds for each is its choice, the source has the names only.
 */
public final class MigrationStatus {
  /** Not done yet. */
  public static final int RUNNING = 0;

  /** A page's address is misaligned, or is not what its entry says. */
  public static final int PAGE_ADDRESS = 0x02;

  /** No pages, or more than a list may have. */
  public static final int PAGE_COUNT = 0x03;

  /** The RMP entry is not assigned, immutable or a VM save area. */
  public static final int PAGE_STATE = 0x05;

  /** The RMP entry is not one of 2 MiB. */
  public static final int PAGE_SIZE = 0x06;

  /** The RMP entry is locked by somebody else. */
  public static final int RMP_NOT_EXCLUSIVE = 0x07;

  /** The page is another guest's. */
  public static final int GUEST = 0x08;

  /** A host table entry is not what it must be; see the entry's error fields. */
  public static final int HOST_ENTRY = 0x0a;

  /** No such command. */
  public static final int COMMAND = 0x0b;

  /** The page of prefilled entries is misaligned, or there is no memory. */
  public static final int SOURCE = 0x0c;

  /** The slot of the directory is misaligned, or there is no memory. */
  public static final int DESTINATION = 0x0d;

  /** No guest has such a context. */
  public static final int GUEST_CONTEXT = 0x0e;

  /** The RMP does not cover the page, or has no memory there. */
  public static final int RMP_ADDRESS = 0x0f;

  /** A reserved bit is set. */
  public static final int RESERVED_BITS = 0x12;

  /** The list is misaligned, or there is no memory. */
  public static final int LIST_ADDRESS = 0x14;

  /** The prefilled entries lead elsewhere than the leaf. */
  public static final int ADDRESSES_DIFFER = 0x15;

  /** Some pages of the list were done, and some were not. */
  public static final int PARTIAL = 0x16;

  /** Done. */
  public static final int SUCCESS = 0xf0;

  private MigrationStatus() {}
}
