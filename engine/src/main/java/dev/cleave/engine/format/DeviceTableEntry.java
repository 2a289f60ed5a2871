package dev.cleave.engine.format;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/**
 * A device table entry: 256 bits that say how a device's requests are translated.
 *
 * <pre>
 *  q0   0 V   1 TV   8:7 HAD   11:9 Mode   51:12 host root   54 GIOV   55 GV   57:56 GLX
 *       60:58 GCR3 root[14:12]   61 IR   62 IW
 *  q1   15:0 (79:64) DomainID   31:16 (95:80) GCR3 root[30:15]   63:43 (127:107) GCR3 root[51:31]
 *  q2   55:54 (183:182) guest paging mode
 * </pre>
 *
 * <p>An entry lies in memory as four little-endian words, 32 bytes, at {@code base + 32 * device
 * id}. Immutable and thread-safe. Source: {@code docs/spec/amd-vi.md} §3.
 *
 * @param q0 bits 63:0
 * @param q1 bits 127:64
 * @param q2 bits 191:128
 * @param q3 bits 255:192
 */
public record DeviceTableEntry(long q0, long q1, long q2, long q3) {
  /** Bytes of an entry. */
  public static final int BYTES = 32;

  private static final long VALID = 1;
  private static final long TRANSLATION_VALID = 1L << 1;
  private static final int MODE_SHIFT = 9;
  private static final long ROOT_MASK = 0x000F_FFFF_FFFF_F000L;
  private static final long GUEST_WITHOUT_PASID = 1L << 54;
  private static final long GUEST_VALID = 1L << 55;
  private static final int GCR3_LEVELS_SHIFT = 56;
  private static final int GUEST_PAGING_SHIFT = 54;
  private static final int TWO_BITS = 3;

  /** The pieces of the GCR3 root, which are spread over two words. */
  private static final long GCR3_LOW = 0x7000;

  private static final int GCR3_LOW_LEFT = 46;
  private static final long GCR3_MIDDLE = 0x7FFF_8000;
  private static final int GCR3_MIDDLE_LEFT = 1;
  private static final long GCR3_HIGH = 0x000F_FFFF_8000_0000L;
  private static final int GCR3_HIGH_LEFT = 12;

  private static final int LEAST_GUEST_LEVELS = 4;
  private static final long READ = 1L << 61;
  private static final long WRITE = 1L << 62;
  private static final int RESERVED_MODE = 7;

  /** HAD = 3: hardware sets A and D. */
  private static final long STATUS_UPDATES = 3L << 7;

  private static final int DOMAIN_MASK = 0xFFFF;

  /** Bits that no revision of the specification gives a meaning. */
  private static final long RESERVED_Q0 = 1L << 63 | 3L << 2;

  /**
   * Every field but the three pieces of the GCR3 root, by its name in the specification.
   *
   * @param name its name
   * @param first its lowest bit, 0 to 255
   * @param bits its width
   */
  private record Field(String name, int first, int bits) {}

  private static final List<Field> FIELDS =
      List.of(
          new Field("V", 0, 1),
          new Field("TV", 1, 1),
          new Field("CXL", 4, 3),
          new Field("HAD", 7, 2),
          new Field("Mode", 9, 3),
          new Field("PPR", 52, 1),
          new Field("GPRP", 53, 1),
          new Field("GIOV", 54, 1),
          new Field("GV", 55, 1),
          new Field("GLX", 56, 2),
          new Field("IR", 61, 1),
          new Field("IW", 62, 1),
          new Field("DomainID", 64, 16),
          new Field("I", 96, 1),
          new Field("SE", 97, 1),
          new Field("SA", 98, 1),
          new Field("IoCtl", 99, 2),
          new Field("Cache", 101, 1),
          new Field("SD", 102, 1),
          new Field("EX", 103, 1),
          new Field("SysMgt", 104, 2),
          new Field("SATS", 106, 1),
          new Field("IV", 128, 1),
          new Field("IntTabLen", 129, 4),
          new Field("IG", 133, 1),
          new Field("GuestPagingMode", 182, 2),
          new Field("Init", 184, 1),
          new Field("EInt", 185, 1),
          new Field("NMI", 186, 1),
          new Field("IntCtl", 188, 2),
          new Field("Lint0", 190, 1),
          new Field("Lint1", 191, 1),
          new Field("AttrV", 246, 1),
          new Field("Mode0FC", 247, 1),
          new Field("SnoopAttribute", 248, 8));

  private static final long INTERRUPT_ROOT_MASK = 0x000F_FFFF_FFFF_FFC0L;

  /** What an entry does with a request that needs translation. */
  public enum Kind {
    /** V = 0: requests pass untranslated. */
    INVALID,
    /** V = 1, TV = 0: requests are aborted. */
    BLOCKED,
    /** Mode 0 without guest tables: the output address is the input address. */
    PASSTHROUGH,
    /** A host page table of 1 to 6 levels. */
    V1,
    /** Guest page tables (v2), with or without a host table below. */
    V2,
    /** Mode 7, which is reserved. */
    RESERVED_MODE
  }

  /**
   * The entry with which Linux attaches a device to a v1 table.
   *
   * @param root physical address of the top table
   * @param levels number of levels, 1 to 6
   * @param domainId domain, 0 to 0xFFFF
   * @return an entry that permits reads and writes
   */
  public static DeviceTableEntry v1(long root, int levels, int domainId) {
    return new DeviceTableEntry(
        WRITE | READ | root | (long) levels << MODE_SHIFT | TRANSLATION_VALID | VALID,
        domainId & DOMAIN_MASK,
        0,
        0);
  }

  /**
   * The entry that passes a device's requests through: Mode 0, so that the output address is the
   * input address, within what {@link #withAccess} leaves.
   *
   * @param domainId domain, 0 to 0xFFFF
   * @return an entry that permits reads and writes
   */
  public static DeviceTableEntry passthrough(int domainId) {
    return v1(0, 0, domainId);
  }

  /**
   * The same entry with guest tables, one for each PASID; requests without a PASID use that of
   * PASID 0. Where the entry has a host table, all addresses of the guest's are translated by it.
   *
   * @param gcr3Root address of the top table of {@link Gcr3Entry entries}
   * @param gcr3Levels number of levels of these, 1 to 3
   * @param guestLevels levels of the guest tables, 4 or 5
   * @return an entry, equal in everything else
   * @throws IllegalArgumentException if a number of levels is another
   */
  public DeviceTableEntry withGuestTables(long gcr3Root, int gcr3Levels, int guestLevels) {
    if (gcr3Levels < 1 || gcr3Levels > 3 || guestLevels < 4 || guestLevels > 5) {
      throw new IllegalArgumentException(
          "GCR3 tables have 1 to 3 levels and guest tables 4 or 5, gcr3Levels=%d, guestLevels=%d"
              .formatted(gcr3Levels, guestLevels));
    }
    long guest =
        GUEST_VALID
            | GUEST_WITHOUT_PASID
            | (gcr3Levels - 1L) << GCR3_LEVELS_SHIFT
            | (gcr3Root & GCR3_LOW) << GCR3_LOW_LEFT;
    long rest =
        (gcr3Root & GCR3_MIDDLE) << GCR3_MIDDLE_LEFT | (gcr3Root & GCR3_HIGH) << GCR3_HIGH_LEFT;
    long paging = (long) (guestLevels - LEAST_GUEST_LEVELS) << GUEST_PAGING_SHIFT;
    return new DeviceTableEntry(q0 | guest, q1 | rest, q2 | paging, q3);
  }

  /**
   * The same entry with other permissions.
   *
   * @param access {@link Access} flags, of which only {@link Access#READ_WRITE} count; none blocks
   *     the device
   * @return an entry, equal in everything else
   */
  public DeviceTableEntry withAccess(int access) {
    long permissions = (access & Access.READ) != 0 ? READ : 0;
    if ((access & Access.WRITE) != 0) {
      permissions |= WRITE;
    }
    return new DeviceTableEntry((q0 & ~(READ | WRITE)) | permissions, q1, q2, q3);
  }

  /**
   * The same entry with hardware that sets accessed and dirty bits in the host table (HAD = 3), as
   * dirty tracking needs it.
   *
   * @return an entry, equal in everything else
   */
  public DeviceTableEntry withStatusUpdates() {
    return new DeviceTableEntry(q0 | STATUS_UPDATES, q1, q2, q3);
  }

  /**
   * Reads an entry from the hex digits of its bytes in memory.
   *
   * @param hex 64 hex digits, first byte first
   * @return the entry
   * @throws IllegalArgumentException if there are not 64 hex digits
   */
  public static DeviceTableEntry parse(String hex) {
    if (!hex.matches("[0-9a-fA-F]{64}")) {
      throw new IllegalArgumentException(
          "a device table entry is 64 hex digits, got \"" + hex + "\"");
    }
    long[] words = new long[4];
    Arrays.setAll(
        words,
        i -> Long.reverseBytes(Long.parseUnsignedLong(hex.substring(16 * i, 16 * i + 16), 16)));
    return new DeviceTableEntry(words[0], words[1], words[2], words[3]);
  }

  /**
   * Where a device's entry lies.
   *
   * @param deviceTable the table's physical address, or the register that holds it, whose size
   *     field is ignored
   * @param deviceId requester id, 0 to 0xFFFF
   * @return physical address of the entry
   */
  public static long paddrOf(long deviceTable, int deviceId) {
    return (deviceTable & ROOT_MASK) + (long) BYTES * deviceId;
  }

  /**
   * {@return the bits of the first word that are set and that hardware wants zero; 0 for a good
   * entry}
   */
  public long reservedBits() {
    return q0 & RESERVED_Q0;
  }

  /** {@return the 64 hex digits of the entry's bytes in memory, first byte first} */
  public String toHex() {
    return String.format(
        "%016x%016x%016x%016x",
        Long.reverseBytes(q0), Long.reverseBytes(q1), Long.reverseBytes(q2), Long.reverseBytes(q3));
  }

  /**
   * Every field of the entry, to be looked at.
   *
   * @return the values by the names that the specification has for the fields, in the order of
   *     their bits; addresses whole, as {@code HostRoot}, {@code GCR3Root} and {@code
   *     InterruptRoot}
   */
  public SequencedMap<String, Long> fields() {
    long[] words = {q0, q1, q2, q3};
    SequencedMap<String, Long> fields = new LinkedHashMap<>();
    for (Field field : FIELDS) {
      long word = words[field.first / Long.SIZE] >>> field.first % Long.SIZE;
      fields.put(field.name, word & (1L << field.bits) - 1);
    }
    fields.put("HostRoot", root());
    fields.put("GCR3Root", gcr3Root());
    fields.put("InterruptRoot", q2 & INTERRUPT_ROOT_MASK);
    return fields;
  }

  /** {@return what the entry does with a request} */
  public Kind kind() {
    if ((q0 & VALID) == 0) {
      return Kind.INVALID;
    }
    if ((q0 & TRANSLATION_VALID) == 0) {
      return Kind.BLOCKED;
    }
    if ((q0 & GUEST_VALID) != 0) {
      return Kind.V2;
    }
    return switch (levels()) {
      case 0 -> Kind.PASSTHROUGH;
      case RESERVED_MODE -> Kind.RESERVED_MODE;
      default -> Kind.V1;
    };
  }

  /**
   * {@return whether a host table translates, alone or below guest tables; false also where nothing
   * is translated}
   */
  public boolean hasHostTable() {
    boolean isTranslated = kind() == Kind.V1 || kind() == Kind.V2;
    return isTranslated && levels() != 0 && levels() != RESERVED_MODE;
  }

  /**
   * {@return whether the Mode field has the value that is reserved, 7, whatever else the entry
   * says}
   */
  public boolean hasReservedMode() {
    return levels() == RESERVED_MODE;
  }

  /** {@return the Mode field: number of levels of the host table, 0 to 7} */
  public int levels() {
    return (int) (q0 >>> MODE_SHIFT) & 7;
  }

  /** {@return physical address of the host table's top} */
  public long root() {
    return q0 & ROOT_MASK;
  }

  /**
   * {@return address of the top GCR3 table, where the way from a PASID to its guest table begins;
   * physical where there is no host table}
   */
  public long gcr3Root() {
    return (q0 >>> GCR3_LOW_LEFT & GCR3_LOW)
        | (q1 >>> GCR3_MIDDLE_LEFT & GCR3_MIDDLE)
        | (q1 >>> GCR3_HIGH_LEFT & GCR3_HIGH);
  }

  /** {@return levels of the GCR3 tables, 1 to 3; 4 is reserved} */
  public int gcr3Levels() {
    return 1 + ((int) (q0 >>> GCR3_LEVELS_SHIFT) & TWO_BITS);
  }

  /** {@return levels of the guest tables, 4 or 5; 6 and 7 are reserved} */
  public int guestLevels() {
    return LEAST_GUEST_LEVELS + ((int) (q2 >>> GUEST_PAGING_SHIFT) & TWO_BITS);
  }

  /**
   * {@return whether requests without a PASID use the guest table of PASID 0; false when they use
   * the host table alone}
   */
  public boolean usesGuestTableWithoutPasid() {
    return (q0 & GUEST_WITHOUT_PASID) != 0;
  }

  /** {@return the domain that tags what the IOMMU caches, 0 to 0xFFFF} */
  public int domainId() {
    return (int) q1 & DOMAIN_MASK;
  }

  /** {@return the permissions that bound those of the table, {@link Access} flags} */
  public int access() {
    int access = 0;
    if ((q0 & READ) != 0) {
      access |= Access.READ;
    }
    if ((q0 & WRITE) != 0) {
      access |= Access.WRITE;
    }
    return access;
  }
}
