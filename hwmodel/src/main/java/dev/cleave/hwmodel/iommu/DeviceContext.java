package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.rmp.RmpEntry;
import org.jspecify.annotations.Nullable;

/**
 * A cached device table entry, decoded into what a request asks of it; or, for trusted requests,
 * together with the secure one. Reused when its device is read anew.
 */
final class DeviceContext {
  /** What the entry says of a request, in the order of the checks. */
  static final int UNTRANSLATED = 0;

  static final int ILLEGAL_RESERVED = 1;

  /** No bit alone is wrong: what SNP or the secure entry does not allow. */
  static final int ILLEGAL_COMBINATION = 2;

  static final int BLOCKED = 3;
  static final int NO_TABLE = 4;
  static final int BAD_MODE = 5;
  static final int HOST_TABLE = 6;

  /** Requests without PASID go through the guest table of PASID 0. */
  static final int GUEST_TABLE = 7;

  private static final long ALL_BLOCKS = Long.MAX_VALUE;

  final int deviceId;

  /** What holds for trusted requests; null if there is no valid secure entry, and none are. */
  @Nullable DeviceContext trusted;

  private @Nullable DeviceContext reusable;
  int kind;
  int domainId;

  /** This is what holds for trusted requests. */
  boolean isTrusted;

  /** Tag of cached host translations of shared memory, and of all directories. */
  long tag;

  /** Tag of cached host translations of private memory. */
  long privateTag;

  /** The guest whose private memory may be reached, 0 for none. */
  int asid;

  /** Whose permissions of a private page count, or -1 for nobody's. */
  int vmplChecked;

  /** Addresses are private below this many units of vTOM. */
  private long privateBlocks;

  /** What an RMP fault is tagged with. */
  int vmTag;

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

  /** Guest entries without bits that choose encryption, and the bit that says private. */
  long guestPlainMask;

  long guestPrivateBit;

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

  /**
   * Decodes an entry as it is.
   *
   * @param secure the eight words of the secure entry; null for none
   */
  void decode(long q0, long q1, long q2, long @Nullable [] secure, DeviceRules rules) {
    domainId = DeviceTableEntry.domainId(q1);
    decodeHost(q0, q1, q2);
    decodeGuest(q0, q1, q2, rules);
    guestPlainMask = ~rules.encryptionBit();
    kind = kind(q0, q1, rules);
    trusted = null;
    if (secure != null && SecureDeviceEntry.isValid(secure[0])) {
      if (kind > ILLEGAL_RESERVED) {
        kind = kindBesideSecure(q0, q1, secure);
      }
      DeviceContext context = reusable == null ? new DeviceContext(deviceId) : reusable;
      reusable = context;
      context.decodeTrusted(q0, q1, q2, secure, kind, rules);
      trusted = context;
      if (Choices.SECURE_DOMAIN_TAGS_ALL_REQUESTS) {
        domainId = context.domainId;
      }
    }
    tag = CacheTag.host(domainId);
    privateTag = tag;
  }

  /** What the secure entry leaves of the verdict on the device table entry. */
  private int kindBesideSecure(long q0, long q1, long[] secure) {
    if (DeviceTableEntry.domainId(q1) != 0) {
      return Choices.SECURE_RESERVED_KIND;
    }
    return SecureDeviceEntry.agrees(secure[0], secure[1], q0, q1)
        ? kind
        : Choices.SECURE_MISMATCH_KIND;
  }

  /** The host's table with the guest's device; all but the table is the secure entry's. */
  private void decodeTrusted(
      long q0, long q1, long q2, long[] secure, int hostKind, DeviceRules rules) {
    isTrusted = true;
    domainId = SecureDeviceEntry.domainId(secure[1]);
    asid = SecureDeviceEntry.asid(secure[3]);
    decodeHost(q0, q1, q2);
    // The guest's fields are in the same places as in the device table entry.
    decodeGuest(secure[0], secure[1], secure[2], rules);
    permissions = SecureDeviceEntry.permissions(secure[0]);
    int vmpl = SecureDeviceEntry.vmpl(secure[3]);
    vmplChecked = rules.trustedIo().checksVmpl() ? vmpl : -1;
    guestPrivateBit = rules.trustedIo().guestPrivateBit();
    guestPlainMask = ~guestPrivateBit;
    vmTag = Choices.VM_TAG_IS_GUEST_ID ? SecureDeviceEntry.guestId(secure[3]) : 0;
    long vTom = SecureDeviceEntry.vTom(secure[5]);
    privateBlocks =
        vTom < 0
            ? ALL_BLOCKS
            : (vTom >>> SecureDeviceEntry.VTOM_UNIT_LOG2) + (Choices.VTOM_ITSELF_IS_SHARED ? 0 : 1);
    tag = CacheTag.host(domainId) | CacheTag.ofGuest(asid);
    privateTag = tag | CacheTag.ofPrivate(vmpl);
    kind = kindOfTrusted(secure, hostKind, rules);
  }

  private int kindOfTrusted(long[] secure, int hostKind, DeviceRules rules) {
    if (SecureDeviceEntry.hasReservedBit(secure)
        || asid == 0
        || asid >= RmpEntry.ASIDS
        || (hasGuestTables && !isGuestPossible(secure[0], rules.features()))) {
      return Choices.SECURE_RESERVED_KIND;
    }
    return switch (hostKind) {
      case UNTRANSLATED, NO_TABLE -> Choices.SECURE_MISMATCH_KIND;
      case HOST_TABLE, GUEST_TABLE ->
          hasGuestTables && DeviceTableEntry.sendsPlainToGuest(secure[0])
              ? GUEST_TABLE
              : HOST_TABLE;
      default -> hostKind;
    };
  }

  private void decodeHost(long q0, long q1, long q2) {
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
  }

  private void decodeGuest(long q0, long q1, long q2, DeviceRules rules) {
    hasGuestTables = (q0 & DeviceTableEntry.GUEST_VALID) != 0;
    gcr3Root = DeviceTableEntry.gcr3Root(q0, q1);
    gcr3Levels = DeviceTableEntry.gcr3Levels(q0);
    guestLevels = DeviceTableEntry.guestLevels(q2);
    pasidBits = Math.min(Register.pasidBits(rules.features()), Gcr3Entry.INDEX_BITS * gcr3Levels);
    for (int flags = 0; flags < Request.KINDS; flags++) {
      boolean write = Request.isWrite(flags);
      int host = write ? neededToWrite : neededToRead;
      guestRightsNeeded[flags] = Iotlb.guestRights(Request.rights(flags));
      guestNeeded[flags] = guestRightsNeeded[flags] | host | (write ? Iotlb.GUEST_DIRTY : 0);
    }
  }

  /** Whether an address that no guest table translates is the guest's private memory. */
  boolean isPrivate(long iova) {
    return iova >>> SecureDeviceEntry.VTOM_UNIT_LOG2 < privateBlocks;
  }

  /** Tag of cached guest translations of a PASID. */
  long guestTag(int pasid) {
    return CacheTag.guest(domainId, pasid, levels != DeviceTableEntry.MODE_NONE)
        | CacheTag.ofGuest(asid);
  }

  private int kind(long q0, long q1, DeviceRules rules) {
    long features = rules.features();
    if ((q0 & DeviceTableEntry.VALID) == 0) {
      return UNTRANSLATED;
    }
    if ((q0 & rules.reservedQ0()) != 0
        || (q1 & Choices.DEVICE_ENTRY_RESERVED_Q1) != 0
        || (hasGuestTables && !isGuestPossible(q0, features))) {
      return ILLEGAL_RESERVED;
    }
    boolean translates = (q0 & DeviceTableEntry.TRANSLATION_VALID) != 0;
    if (translates
        && levels == DeviceTableEntry.MODE_NONE
        && (features & Register.FEATURE_SNP) != 0) {
      return ILLEGAL_COMBINATION;
    }
    if (!translates) {
      return BLOCKED;
    }
    if (levels > Register.hostLevels(features)) {
      return BAD_MODE;
    }
    if (hasGuestTables && DeviceTableEntry.sendsPlainToGuest(q0)) {
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
