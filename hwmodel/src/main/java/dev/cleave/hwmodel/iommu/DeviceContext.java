package dev.cleave.hwmodel.iommu;

/**
 * A cached device table entry, decoded into what a request asks of it. Reused when its device is
 * read anew.
 */
final class DeviceContext {
  /** What the entry says of a request, in the order of the checks. */
  static final int UNTRANSLATED = 0;

  static final int ILLEGAL_RESERVED = 1;
  static final int ILLEGAL_WITH_SNP = 2;
  static final int BLOCKED = 3;
  static final int NO_TABLE = 4;
  static final int BAD_MODE = 5;
  static final int HOST_TABLE = 6;

  /** Requests without PASID go through the guest table of PASID 0. */
  static final int GUEST_TABLE = 7;

  final int deviceId;
  int kind;
  int domainId;

  /** Tag of cached host translations. */
  long tag;

  /** Top of the host table and its level. */
  long root;

  int levels;

  /** Permission bits the device itself has. */
  int permissions;

  /** Iotlb flags a cached translation needs for a read, and for a write. */
  int neededToRead;

  int neededToWrite;
  boolean setsAccessed;
  boolean setsDirty;

  /** Address bits that no address of the table has. */
  long beyondTable;

  /** There are guest tables. */
  boolean hasGuestTables;

  /** Top of the GCR3 table and its level. */
  long gcr3Root;

  int gcr3Levels;
  int guestLevels;

  /** PASIDs have fewer bits than this, or the device has none so large. */
  int pasidBits;

  /** What a cached guest translation needs to allow a request, by its flags: the table's rights. */
  final long[] guestRightsNeeded = new long[Request.KINDS];

  /** And to answer it at once: besides, the host's permission and the bits set. */
  final long[] guestNeeded = new long[Request.KINDS];

  boolean exclusion;
  boolean hasIotlb;
  boolean suppressAll;
  boolean suppressRepeated;

  /** A page fault was logged since the entry was read. */
  boolean logged;

  boolean interruptsValid;
  int interruptControl;

  DeviceContext(int deviceId) {
    this.deviceId = deviceId;
  }

  void decode(long q0, long q1, long q2, long features) {
    domainId = DeviceTableEntry.domainId(q1);
    tag = CacheTag.host(domainId);
    root = q0 & DeviceTableEntry.ROOT;
    levels = DeviceTableEntry.mode(q0);
    permissions = DeviceTableEntry.permissions(q0);
    int had = DeviceTableEntry.hostAccessDirty(q0);
    setsAccessed = (had & Choices.HAD_ACCESSED) != 0;
    setsDirty = had == Choices.HAD_ACCESSED_AND_DIRTY;
    neededToRead = Permission.READ | (setsAccessed ? Iotlb.ACCESSED : 0);
    neededToWrite =
        Permission.WRITE | (setsAccessed ? Iotlb.ACCESSED : 0) | (setsDirty ? Iotlb.DIRTY : 0);
    int widthLog2 = HostEntry.coverLog2(levels + 1);
    beyondTable = widthLog2 >= Long.SIZE ? 0 : -1L << widthLog2;
    exclusion = (q1 & DeviceTableEntry.EXCLUSION) != 0;
    hasIotlb = (q1 & DeviceTableEntry.HAS_IOTLB) != 0;
    suppressAll = (q1 & DeviceTableEntry.SUPPRESS_ALL) != 0;
    suppressRepeated = (q1 & DeviceTableEntry.SUPPRESS_REPEATED) != 0;
    logged = false;
    interruptsValid = (q2 & DeviceTableEntry.INTERRUPT_VALID) != 0;
    interruptControl = DeviceTableEntry.interruptControl(q2);
    decodeGuest(q0, q1, q2, features);
    kind = kind(q0, q1, features);
  }

  private void decodeGuest(long q0, long q1, long q2, long features) {
    hasGuestTables = (q0 & DeviceTableEntry.GUEST_VALID) != 0;
    gcr3Root = DeviceTableEntry.gcr3Root(q0, q1);
    gcr3Levels = DeviceTableEntry.gcr3Levels(q0);
    guestLevels = DeviceTableEntry.guestLevels(q2);
    pasidBits = Math.min(Register.pasidBits(features), Gcr3Entry.INDEX_BITS * gcr3Levels);
    for (int flags = 0; flags < Request.KINDS; flags++) {
      boolean write = Request.isWrite(flags);
      int host = write ? neededToWrite : neededToRead;
      guestRightsNeeded[flags] = Iotlb.guestRights(Request.rights(flags));
      guestNeeded[flags] = guestRightsNeeded[flags] | host | (write ? Iotlb.GUEST_DIRTY : 0);
    }
  }

  /** Tag of cached guest translations of a PASID. */
  long guestTag(int pasid) {
    return CacheTag.guest(domainId, pasid, levels != DeviceTableEntry.MODE_NONE);
  }

  private int kind(long q0, long q1, long features) {
    if ((q0 & DeviceTableEntry.VALID) == 0) {
      return UNTRANSLATED;
    }
    if ((q0 & Choices.DEVICE_ENTRY_RESERVED_Q0) != 0
        || (q1 & Choices.DEVICE_ENTRY_RESERVED_Q1) != 0
        || (hasGuestTables && !isGuestPossible(q0, features))) {
      return ILLEGAL_RESERVED;
    }
    boolean translates = (q0 & DeviceTableEntry.TRANSLATION_VALID) != 0;
    if (translates
        && levels == DeviceTableEntry.MODE_NONE
        && (features & Register.FEATURE_SNP) != 0) {
      return ILLEGAL_WITH_SNP;
    }
    if (!translates) {
      return BLOCKED;
    }
    if (levels > Register.hostLevels(features)) {
      return BAD_MODE;
    }
    if (hasGuestTables && (q0 & DeviceTableEntry.GUEST_WITHOUT_PASID) != 0) {
      return GUEST_TABLE;
    }
    return levels == DeviceTableEntry.MODE_NONE ? NO_TABLE : HOST_TABLE;
  }

  /** Whether the features announce what the entry asks of guest tables. */
  private boolean isGuestPossible(long q0, long features) {
    long asked =
        Register.FEATURE_GUEST_TABLES
            | ((q0 & DeviceTableEntry.GUEST_WITHOUT_PASID) != 0
                ? Register.FEATURE_GUEST_WITHOUT_PASID
                : 0);
    return (features & asked) == asked
        && gcr3Levels <= Register.gcr3Levels(features)
        && guestLevels <= Register.guestLevels(features);
  }
}
