package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.cpu.X86Entry;

/**
 * What the model does where the specification at hand is silent, inferred or told by one source
 * only; one constant for each value, with the reason. Everything else in this package is confirmed.
 *
 * <p>Choices that are no values, and where they are made:
 *
 * <ul>
 *   <li>The exclusion range is looked at after TV and before permissions, and not with SNP ({@link
 *       Iommu#translate}).
 *   <li>SE logs once until the device table entry is cached anew; every entry is cached, whatever
 *       it says ({@link DeviceTable}).
 *   <li>Permissions are checked at each level as the walk goes; a walk starts again if an entry
 *       changed at the atomic re-read; in a sized leaf the replica that the walk met is marked
 *       ({@link HostWalker}).
 *   <li>A cached translation or host directory that lacks a permission refuses the request without
 *       another walk: then a stale right shows ({@link HostStage}, {@link GuestStage}).
 *   <li>Whether a cached directory larger than the range survives PDE, and whether the RMP is asked
 *       again when the IOTLB answers, can be chosen ({@link IommuConfig}).
 *   <li>The head of the command ring and the tail of the event ring ignore writes while their ring
 *       runs; pointers beyond a ring wrap; a ring with a reserved length does not run ({@link
 *       RegisterFile}, {@link Ring}).
 *   <li>With a host table everything of a guest table is guest physical, the GCR3 root included: as
 *       the control register's GCR3TRPMode has it, the only mode that Linux nests in ({@link
 *       GuestWalker}).
 *   <li>Reading a GCR3 or guest entry is a read to the host table, setting A or D in it a write; a
 *       processor calls all of them writes. The RMP is asked for each, or a guest's table could
 *       point the IOMMU at anybody's page ({@link GuestWalker}).
 *   <li>A fault of the host table under a guest table is logged as the host's: GN=0, domain id and
 *       guest physical address; one of the guest table with GN=1, PASID and the device's address.
 *       So are hardware errors of its entries ({@link HostStage}, {@link GuestStage}).
 *   <li>A guest table's permissions are checked once, for the whole path, as in a processor; writes
 *       by privileged requests need RW too, and nothing keeps them from user pages ({@link
 *       GuestWalker}).
 *   <li>Requests without PASID are a user's. Those with one skip the exclusion range, whose
 *       addresses are no process's; the interrupt window is no memory for them either, and the
 *       device table entry's own refusals are logged as without PASID ({@link Iommu#translate}).
 *   <li>An invalidation of host translations (GN=0) means guest physical addresses and drops what
 *       any PASID's guest table made of them; guest directories hold such addresses and stay
 *       ({@link Iotlb}, {@link DirectoryCache}).
 *   <li>Where a PASID's table begins is cached as a directory: a GCR3 entry that changes wants an
 *       invalidation with PDE of everything the PASID has ({@link DirectoryCache}).
 *   <li>A reserved or unannounced number of GCR3 or guest table levels makes the device table entry
 *       illegal as a reserved bit does ({@link DeviceContext}).
 *   <li>A secure entry with guest tables and vTOM goes by the tables where a request goes through
 *       them, by vTOM where it does not ({@link DeviceContext}). All of a trusted device's guest
 *       tables and its GCR3 table are private memory, as page tables are to a processor ({@link
 *       GuestWalker}).
 *   <li>A shared access of a trusted device is checked as anybody's: no guest address is compared
 *       ({@link dev.cleave.hwmodel.rmp.ReverseMap#checkShared}).
 *   <li>ASID, and for private memory the VMPL, are part of the IOTLB's tag; an invalidation names
 *       neither ({@link CacheTag}). RMPUPDATE and PSMASH drop nothing from it.
 *   <li>The HyperTransport range concerns requests without PASID, whatever their device table entry
 *       says ({@link Admission}).
 *   <li>A device that does not answer INVALIDATE_IOTLB_PAGES is logged and the ring goes on ({@link
 *       CommandProcessor}).
 * </ul>
 */
final class Choices {
  /**
   * Reserved bits of a device table entry's q0: what the layout leaves out, 3:2 and 63; and 6:4,
   * unless the revision defines them ({@link IommuConfig#hasCxlAttribute}). A known emulator also
   * refuses HAD, PPR and GPRP; those are defined fields. GV is reserved too unless the features
   * announce guest tables, and so is GIOV beside GV: to ignore them would let a device through
   * untranslated.
   */
  static final long DEVICE_ENTRY_RESERVED_Q0 = 0x8000_0000_0000_000cL;

  /**
   * Reserved bits of q1: none, its layout is full. A known emulator refuses bit 8, but that bit
   * belongs to the domain id.
   */
  static final long DEVICE_ENTRY_RESERVED_Q1 = 0;

  /** A device id beyond the table is a page fault; one source has an illegal entry instead. */
  static final int BEYOND_TABLE_CODE = Event.IO_PAGE_FAULT;

  /** ... with nothing present, and at address 0. */
  static final int BEYOND_TABLE_FLAGS = 0;

  static final long BEYOND_TABLE_ADDRESS = 0;

  /** Missing IR or IW in the device table entry: the same flags as in a page table entry. */
  static final int DEVICE_PERMISSION_FLAGS = Event.PR | Event.PE;

  /**
   * Mode 7, or more levels than the features promise, is an invalid level encoding; one source has
   * an illegal entry instead.
   */
  static final int BAD_MODE_CODE = Event.IO_PAGE_FAULT;

  static final int BAD_MODE_FLAGS = Event.PR;

  /** An address wider than the table translates to nothing present. */
  static final int TOO_WIDE_FLAGS = 0;

  /** Reserved bits in a page table entry that is present. */
  static final int RESERVED_FLAGS = Event.PR | Event.RZ;

  /** A wrong level, leaf size or skip: "invalid level encoding". */
  static final int BAD_LEVEL_FLAGS = Event.PR;

  /** A sized leaf (NextLevel 7) may have its level's own size: one source includes it. */
  static final boolean SIZED_LEAF_OF_OWN_SIZE = true;

  /**
   * A 512 GiB leaf is an invalid level encoding: an erratum takes that size out of the legal ones,
   * and a judge must not let it pass.
   */
  static final int FORBIDDEN_LEAF_LOG2 = 39;

  /**
   * HAD = 2 is not defined and sets nothing; A needs its low bit, D both. DTE.HAD alone decides:
   * the meaning of the control register's own field is not known.
   */
  static final int HAD_ACCESSED = 1;

  static final int HAD_ACCESSED_AND_DIRTY = 3;

  /** Directories get A as the walk passes through them, never D. */
  static final long DIRECTORY_MARK = HostEntry.ACCESSED;

  /** Cached leaves: real parts are said to keep 4 KiB, 2 MiB and 1 GiB entries. */
  static final long IOTLB_SIZES = 1L << 12 | 1L << 21 | 1L << 30;

  /** Reads of the interrupt window are refused as "read in the interrupt range", type 0. */
  static final int INTERRUPT_READ_TYPE = 0;

  /** Interrupts that IntCtl forbids are refused as "IntCtl does not allow it", type 5. */
  static final int INTERRUPT_FORBIDDEN_TYPE = 5;

  /** A completion store outside the range that SNP demands makes the command illegal. */
  static final int STORE_OUTSIDE_RANGE_CODE = Event.ILLEGAL_COMMAND_ERROR;

  /** A completion store into a hole is an error of the command, not of a table. */
  static final int STORE_INTO_HOLE_CODE = Event.COMMAND_HARDWARE_ERROR;

  /** An event log that overflowed restarts only after the overflow bit was cleared. */
  static final boolean RESTART_NEEDS_OVERFLOW_CLEAR = true;

  /** Reserved bits of a GCR3 entry: all but V and the address; known software leaves them zero. */
  static final long GCR3_RESERVED = ~(Gcr3Entry.VALID | Gcr3Entry.ADDRESS);

  /** A PASID beyond the features or the GCR3 table leads to nothing present. */
  static final int PASID_OUT_OF_RANGE_FLAGS = Event.GN;

  /** A request with a PASID of a device without guest tables is refused as if it led to none. */
  static final int NO_GUEST_TABLE_FLAGS = Event.GN;

  /** Guest directories get A as the walk passes, guest leaves D too: no field switches it off. */
  static final long GUEST_DIRECTORY_MARK = X86Entry.ACCESSED;

  /**
   * An invalidation of host translations (GN=0) leaves what went through a guest table and no host
   * table, which cannot have become stale by it: then a flush of the wrong kind shows.
   */
  static final boolean HOST_INVALIDATION_SPARES_GUEST_ONLY = true;

  /** The rule for addresses of guest tables: what Linux says of real parts. */
  static final GuestAddresses GUEST_ADDRESSES = GuestAddresses.BY_PASID;

  /** What the features announce if there are guest tables: all of it. */
  static final long GUEST_FEATURES =
      Register.FEATURE_GUEST_TABLES
          | Register.FEATURE_FIVE_GUEST_LEVELS
          | Register.FEATURE_THREE_GCR3_LEVELS
          | Register.FEATURE_ALL_PASIDS
          | Register.FEATURE_GUEST_WITHOUT_PASID;

  /** The bits of the model's default features beside SNP and guest tables. */
  static final long FEATURES =
      Register.FEATURE_INVALIDATE_ALL
          | Register.FEATURE_SIX_LEVELS
          | Register.FEATURE_ACCESSED
          | Register.FEATURE_DIRTY;

  /** Requests that the HyperTransport range refuses: flags 0xa00, as a real part logged. */
  static final int HYPERTRANSPORT_TYPE = 5;

  /**
   * While a secure entry is valid the device table entry's domain id is reserved, and I, IR and IW
   * must be equal in both. What happens otherwise no source says: an illegal entry, with RZ for the
   * reserved field only. So is a secure entry with reserved bits or without a guest (RZ), and a
   * trusted request whose device table entry has no table (no RZ): root and Mode stand there.
   */
  static final int SECURE_MISMATCH_KIND = DeviceContext.ILLEGAL_COMBINATION;

  static final int SECURE_RESERVED_KIND = DeviceContext.ILLEGAL_RESERVED;

  /**
   * While a secure entry is valid its domain id tags the device's untrusted requests too: the
   * device table entry has none then, and under domain 0 all such devices would share what is
   * cached.
   */
  static final boolean SECURE_DOMAIN_TAGS_ALL_REQUESTS = true;

  /** The address vTOM itself is shared: in AMD's tree guest memory is mapped there once more. */
  static final boolean VTOM_ITSELF_IS_SHARED = true;

  /** RMP faults of a trusted request log the guest id as their VM tag; of others they log 0. */
  static final boolean VM_TAG_IS_GUEST_ID = true;

  /**
   * With SNP the RMP is asked about requests that V=0 passes on untranslated, page by page: nothing
   * else would keep such a device from a guest's memory. No source says so.
   */
  static final boolean RMP_CHECKS_UNTRANSLATED = true;

  /** RMP page faults log PR = 0 and RMP flags 0, as the one real sample has them. */
  static final int RMP_FAULT_FLAGS = 0;

  /** RMP hardware errors give the address of the RMP entry that could not be read. */
  static final int RMP_ERROR_FLAGS = 0;

  /** PSMASH_IO gives A and D of the leaf it replaces to each new entry, else they would be lost. */
  static final long SMASHED_MARKS = HostEntry.ACCESSED | HostEntry.DIRTY;

  private Choices() {}
}
