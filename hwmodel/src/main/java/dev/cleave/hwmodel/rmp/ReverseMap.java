package dev.cleave.hwmodel.rmp;

import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * The RMP as a table in physical memory: where its entries are, what they say, and the check that
 * the IOMMU makes.
 *
 * <pre>
 *  base             16 KiB of bookkeeping
 *  base + 0x4000    16 bytes for each 4 KiB page of system memory, from address 0
 * </pre>
 *
 * <p>Thread-safe for readers beside one writer of each region: a reader sees a region before or
 * after a change.
 */
public final class ReverseMap {
  /** Bytes of a region. */
  public static final long REGION_BYTES = 1L << 21;

  private static final int PAGE_LOG2 = 12;
  private static final long BOOKKEEPING_BYTES = 0x4000;

  private final PhysicalMemory memory;
  private final long base;
  private final long coveredBytes;

  /**
   * An RMP. Its memory is the caller's to provide, zeroed: then everything is the hypervisor's.
   *
   * @param memory where the RMP lies
   * @param base its physical address, 4 KiB-aligned
   * @param coveredBytes how much system memory it describes, a positive multiple of 2 MiB; what
   *     lies beyond is the hypervisor's
   * @throws IllegalArgumentException if one is misaligned
   */
  public ReverseMap(PhysicalMemory memory, long base, long coveredBytes) {
    if (base % 4096 != 0 || coveredBytes <= 0 || coveredBytes % REGION_BYTES != 0) {
      throw new IllegalArgumentException(
          "an RMP must begin at a page and cover whole regions of 2 MiB, base=0x%x, covered=0x%x"
              .formatted(base, coveredBytes));
    }
    this.memory = memory;
    this.base = base;
    this.coveredBytes = coveredBytes;
  }

  /**
   * The memory an RMP needs.
   *
   * @param coveredBytes how much system memory it describes
   * @return bytes, a multiple of 4 KiB
   */
  public static long tableBytes(long coveredBytes) {
    long bytes = BOOKKEEPING_BYTES + (coveredBytes >>> PAGE_LOG2) * RmpEntry.BYTES;
    return (bytes + 4095) & -4096L;
  }

  /**
   * How much system memory it describes.
   *
   * @return bytes from address 0, a multiple of 2 MiB
   */
  public long coveredBytes() {
    return coveredBytes;
  }

  /**
   * Whether the RMP describes a page.
   *
   * @param spa any address of the page
   * @return false for what lies beyond its end
   */
  public boolean covers(long spa) {
    return Long.compareUnsigned(spa, coveredBytes) < 0;
  }

  /**
   * Where the entry of a page is.
   *
   * @param spa any address of the page
   * @return physical address of the 16 bytes
   */
  public long entryAddress(long spa) {
    return base + BOOKKEEPING_BYTES + (spa >>> PAGE_LOG2) * RmpEntry.BYTES;
  }

  /**
   * Where the entry of a page's region is.
   *
   * @param spa any address of the region
   * @return physical address of the 16 bytes
   */
  public long headAddress(long spa) {
    return entryAddress(spa & -REGION_BYTES);
  }

  /**
   * RMPREAD, first word.
   *
   * @param spa any address of the page, covered
   * @return its guest physical address
   * @throws dev.cleave.hwmodel.memory.PhysicalMemoryFault if the RMP has no memory there
   */
  public long readGpa(long spa) {
    return RmpEntry.gpa(memory.getLong(entryAddress(spa)));
  }

  /**
   * RMPREAD, second word, as {@link RmpState}. Inside a 2 MiB page only its first 4 KiB page reads
   * as assigned and large.
   *
   * @param spa any address of the page, covered
   * @return assigned, size, immutable and ASID
   * @throws dev.cleave.hwmodel.memory.PhysicalMemoryFault if the RMP has no memory there
   */
  public long readState(long spa) {
    long q0 = memory.getLong(entryAddress(spa));
    return RmpEntry.isAssigned(q0)
        ? RmpState.assigned(
            RmpEntry.asid(q0), (q0 & RmpEntry.LARGE) != 0, (q0 & RmpEntry.IMMUTABLE) != 0)
        : RmpState.HYPERVISOR;
  }

  /**
   * The raw first word that describes a page: that of its region's head if the region is one page,
   * else its own.
   *
   * @param spa any address of the page, covered
   * @return q0 of {@link RmpEntry}
   * @throws dev.cleave.hwmodel.memory.PhysicalMemoryFault if the RMP has no memory there
   */
  public long entryOf(long spa) {
    long head = memory.getLong(headAddress(spa));
    return RmpEntry.isLarge(head) ? head : memory.getLong(entryAddress(spa));
  }

  /**
   * The raw second word that describes a page.
   *
   * @param spa any address of the page, covered
   * @return q1 of {@link RmpEntry}
   * @throws dev.cleave.hwmodel.memory.PhysicalMemoryFault if the RMP has no memory there
   */
  public long permissionsOf(long spa) {
    long headAt = headAddress(spa);
    boolean large = RmpEntry.isLarge(memory.getLong(headAt));
    return memory.getLong((large ? headAt : entryAddress(spa)) + Long.BYTES);
  }

  /**
   * Whether memory belongs to the hypervisor.
   *
   * @param spa any address
   * @param large whether to ask for all 512 pages of its region
   * @return true if nothing of it is assigned, or the RMP does not cover it
   * @throws dev.cleave.hwmodel.memory.PhysicalMemoryFault if the RMP has no memory there
   */
  public boolean isHypervisors(long spa, boolean large) {
    if (!covers(spa)) {
      return true;
    }
    if (!large) {
      return !RmpEntry.isAssigned(entryOf(spa));
    }
    long head = memory.getLong(headAddress(spa));
    return !RmpEntry.isAssigned(head) && RmpEntry.subpages(head) == 0;
  }

  /**
   * The check of the IOMMU for an access that is not a guest's: the page must be the hypervisor's,
   * for reads too. Through a leaf of 2 MiB and more the whole region must be: no source says so of
   * the IOMMU, it is what the processor does.
   *
   * @param spa the address that is accessed
   * @param large whether the leaf has 2 MiB or more
   * @return a {@link RmpVerdict}
   */
  public int checkShared(long spa, boolean large) {
    if (!covers(spa)) {
      return RmpVerdict.ALLOWED;
    }
    long headAt = headAddress(spa);
    long head = memory.getLongOr(headAt, 0);
    if (head == 0 && !memory.isBacked(headAt)) {
      return RmpVerdict.UNREADABLE;
    }
    if (large) {
      if (RmpEntry.isAssigned(head)) {
        return RmpVerdict.WRONG_OWNER;
      }
      return RmpEntry.subpages(head) == 0 ? RmpVerdict.ALLOWED : RmpVerdict.SIZE_MISMATCH;
    }
    long pageAt = entryAddress(spa);
    while (true) {
      if (RmpEntry.isLarge(head)) {
        return RmpVerdict.WRONG_OWNER;
      }
      long page = memory.getLongOr(pageAt, 0);
      // Between the two reads the region may have become one page, and its entries empty.
      long again = memory.getLong(headAt);
      if (again == head) {
        return verdictOnShared(page, pageAt);
      }
      head = again;
    }
  }

  private int verdictOnShared(long page, long pageAt) {
    if (RmpEntry.isAssigned(page)) {
      return RmpVerdict.WRONG_OWNER;
    }
    return page == 0 && !memory.isBacked(pageAt) ? RmpVerdict.UNREADABLE : RmpVerdict.ALLOWED;
  }

  /**
   * The check of the IOMMU for a trusted device's access to a private page. A leaf below 2 MiB is
   * checked as 4 KiB and must meet a 4 KiB entry; one of 2 MiB and more is checked in 2 MiB pieces
   * and must meet a 2 MiB entry. The page must be the guest's, and be where the guest sees it.
   * Nothing is known of Validated and immutable, and they are not looked at.
   *
   * @param spa the address that is accessed
   * @param gpa what the guest calls it
   * @param asid the guest; 0 owns nothing
   * @param large whether the leaf has 2 MiB or more
   * @param vmpl whose permissions must allow the access, 0 to 3; -1 not to look at permissions
   * @param write whether it is a write; else a read
   * @return a {@link RmpVerdict}
   */
  public int checkPrivate(long spa, long gpa, int asid, boolean large, int vmpl, boolean write) {
    if (!covers(spa)) {
      return RmpVerdict.WRONG_OWNER;
    }
    long headAt = headAddress(spa);
    long head = memory.getLongOr(headAt, 0);
    if (head == 0 && !memory.isBacked(headAt)) {
      return RmpVerdict.UNREADABLE;
    }
    if (large) {
      if (!RmpEntry.isLarge(head)) {
        boolean isShared = !RmpEntry.isAssigned(head) && RmpEntry.subpages(head) == 0;
        return isShared ? RmpVerdict.WRONG_OWNER : RmpVerdict.SIZE_MISMATCH;
      }
      long q1 = memory.getLong(headAt + Long.BYTES);
      return checkOwner(head, q1, gpa & -REGION_BYTES, asid, vmpl, write);
    }
    long pageAt = entryAddress(spa);
    while (true) {
      if (RmpEntry.isLarge(head)) {
        return RmpVerdict.SIZE_MISMATCH;
      }
      long page = memory.getLongOr(pageAt, 0);
      long q1 = memory.getLongOr(pageAt + Long.BYTES, 0);
      long again = memory.getLong(headAt);
      if (again == head) {
        return page == 0 && !memory.isBacked(pageAt)
            ? RmpVerdict.UNREADABLE
            : checkOwner(page, q1, gpa & -(1L << PAGE_LOG2), asid, vmpl, write);
      }
      head = again;
    }
  }

  private static int checkOwner(long q0, long q1, long gpa, int asid, int vmpl, boolean write) {
    if (!RmpEntry.isAssigned(q0) || asid == 0 || RmpEntry.asid(q0) != asid) {
      return RmpVerdict.WRONG_OWNER;
    }
    if (RmpEntry.gpa(q0) != gpa) {
      return RmpVerdict.WRONG_GPA;
    }
    if (vmpl < 0) {
      return RmpVerdict.ALLOWED;
    }
    int needed = write ? RmpEntry.VMPL_READ | RmpEntry.VMPL_WRITE : RmpEntry.VMPL_READ;
    int granted = RmpEntry.permissions(q1, vmpl);
    return (granted & needed) == needed ? RmpVerdict.ALLOWED : RmpVerdict.WRONG_VMPL;
  }

  /**
   * Which entry made a check end in {@link RmpVerdict#UNREADABLE}.
   *
   * @param spa the address that was checked
   * @return physical address of the entry
   */
  public long unreadableAddress(long spa) {
    long head = headAddress(spa);
    return memory.isBacked(head) ? entryAddress(spa) : head;
  }

  PhysicalMemory memory() {
    return memory;
  }

  /**
   * Whether there is memory for all entries of the region of an address.
   *
   * @param spa any address
   * @return false for what lies beyond the RMP's end, or where its own memory has a hole
   */
  public boolean isUsable(long spa) {
    return covers(spa)
        && memory.isBacked(headAddress(spa))
        && memory.isBacked(entryAddress(spa | (REGION_BYTES - 1)));
  }
}
