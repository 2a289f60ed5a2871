package dev.cleave.hwmodel.cpu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpEntry;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpResult;

/**
 * A virtual machine under SEV-SNP as the processor knows it. An access walks the nested table, then
 * asks the RMP:
 *
 * <ol>
 *   <li>private (C=1): the page is covered; ASID and gpa are the guest's; not immutable; the nested
 *       leaf has 2 MiB or more exactly if the RMP page has; validated; permitted to the VMPL;
 *   <li>shared (C=0): a write wants the hypervisor's page, through a leaf of 2 MiB and more a whole
 *       region of them; reads are not checked.
 * </ol>
 *
 * <p>A and D are set by one atomic operation after all checks, and the walk starts again if the
 * entry changed. Nothing is cached. For one thread. APM volume 2, 15.36.
 */
public final class Guest {
  /** A data read. */
  public static final int READ = 0;

  /** A data write. */
  public static final int WRITE = 1;

  /** An instruction fetch, as supervisor. */
  public static final int EXECUTE = 2;

  /** Outcome: a nested page fault, see {@link #errorCode}. */
  public static final long NESTED_PAGE_FAULT = -1;

  /** Outcome: the guest gets #VC because it has not validated the page. */
  public static final long NOT_VALIDATED = -2;

  /** Outcome: the nested table or the RMP points to where there is no memory. */
  public static final long MACHINE_CHECK = -3;

  private static final int LARGE_LEVEL = 2;
  private static final long PAGE_MASK = -0x1000L;

  private final PhysicalMemory memory;
  private final ReverseMap rmp;
  private final RmpInstructions instructions;

  /** An entry without the bit that chooses encryption. */
  private final long plainMask;

  private final int levels;
  private final int asid;
  private final int vmpl;
  private long root;
  private long errorCode;

  /** Where the last walk ended. */
  private long leafAddress;

  private long leaf;
  private int leafLevel;

  /**
   * A virtual machine.
   *
   * @param memory the machine's
   * @param rmp who owns which page
   * @param root physical address of the nested table's top
   * @param levels of the nested table, 4 or 5
   * @param asid the guest, 1 to 1023
   * @param vmpl the privilege level of its accesses, 0 to 3
   * @throws IllegalArgumentException if one is out of range
   */
  public Guest(PhysicalMemory memory, ReverseMap rmp, long root, int levels, int asid, int vmpl) {
    this(memory, rmp, 0, root, levels, asid, vmpl);
  }

  /**
   * A virtual machine whose nested table lies in encrypted memory.
   *
   * @param memory the machine's
   * @param rmp who owns which page
   * @param encryptionBit address bits of root and nested entries that choose encryption (the host's
   *     C-bit) and are no part of the address; 0 for none
   * @param root physical address of the nested table's top
   * @param levels of the nested table, 4 or 5
   * @param asid the guest, 1 to 1023
   * @param vmpl the privilege level of its accesses, 0 to 3
   * @throws IllegalArgumentException if one is out of range
   */
  public Guest(
      PhysicalMemory memory,
      ReverseMap rmp,
      long encryptionBit,
      long root,
      int levels,
      int asid,
      int vmpl) {
    if (levels < 4 || levels > 5 || asid < 1 || asid >= RmpEntry.ASIDS || (vmpl & ~3) != 0) {
      throw new IllegalArgumentException(
          "a guest needs 4 or 5 levels, an ASID of 1 to 1023 and a VMPL of 0 to 3,"
              + " levels=%d, asid=%d, vmpl=%d".formatted(levels, asid, vmpl));
    }
    this.memory = memory;
    this.rmp = rmp;
    this.instructions = new RmpInstructions(rmp);
    this.plainMask = ~encryptionBit;
    this.root = root;
    this.levels = levels;
    this.asid = asid;
    this.vmpl = vmpl;
  }

  /**
   * Points it at another nested table of as many levels.
   *
   * @param newRoot physical address of the top
   */
  public void setRoot(long newRoot) {
    root = newRoot;
  }

  /**
   * The error code of the last {@link #NESTED_PAGE_FAULT}.
   *
   * @return {@link NestedFault} bits
   */
  public long errorCode() {
    return errorCode;
  }

  /**
   * An access of the guest.
   *
   * @param gpa guest physical address
   * @param kind {@link #READ}, {@link #WRITE} or {@link #EXECUTE}
   * @param isPrivate whether its C-bit is set
   * @return a system physical address or one of the negative outcomes
   */
  public long access(long gpa, int kind, boolean isPrivate) {
    errorCode = 0;
    long bits =
        NestedFault.USER
            | NestedFault.FINAL
            | (kind == WRITE ? NestedFault.WRITE : 0)
            | (kind == EXECUTE ? NestedFault.EXECUTE : 0)
            | (isPrivate ? NestedFault.ENCRYPTED : 0);
    while (true) {
      long spa = walk(gpa, kind, bits);
      if (spa < 0) {
        return spa;
      }
      long refused = isPrivate ? checkPrivate(spa, gpa, kind, bits) : checkShared(spa, kind, bits);
      if (refused != 0) {
        return refused;
      }
      long marks = X86Entry.ACCESSED | (kind == WRITE ? X86Entry.DIRTY : 0);
      if (mark(leafAddress, leaf, marks)) {
        return spa;
      }
    }
  }

  /**
   * PVALIDATE as the guest executes it: the nested table tells which page it is.
   *
   * @param gpa the page, aligned to the size asked for
   * @param large whether it asks for 2 MiB
   * @param validated what it wants
   * @return what {@link RmpInstructions#pvalidate} returns, or {@link #NESTED_PAGE_FAULT} or {@link
   *     #MACHINE_CHECK}
   */
  public long pvalidate(long gpa, boolean large, boolean validated) {
    long spa = pageOf(gpa);
    return spa < 0 ? spa : faulting(instructions.pvalidate(spa, gpa, asid, large, validated));
  }

  /**
   * RMPADJUST as the guest executes it: the nested table tells which page it is.
   *
   * @param gpa the page, aligned to the size asked for
   * @param large whether it asks for 2 MiB
   * @param targetVmpl whose permissions change
   * @param permissions bits of {@link RmpEntry}
   * @param vmsa whether the page becomes a VM save area
   * @return what {@link RmpInstructions#rmpAdjust} returns, or a negative outcome
   */
  public long rmpAdjust(long gpa, boolean large, int targetVmpl, int permissions, boolean vmsa) {
    long spa = pageOf(gpa);
    return spa < 0
        ? spa
        : faulting(
            instructions.rmpAdjust(spa, gpa, asid, large, vmpl, targetVmpl, permissions, vmsa));
  }

  /** The page behind an address, for an instruction that changes its RMP entry. */
  private long pageOf(long gpa) {
    errorCode = 0;
    return walk(gpa, WRITE, instructionBits());
  }

  private static long instructionBits() {
    return NestedFault.USER | NestedFault.FINAL | NestedFault.WRITE | NestedFault.ENCRYPTED;
  }

  private long faulting(int result) {
    long bits = instructionBits() | NestedFault.PRESENT | NestedFault.RMP;
    return switch (result) {
      case RmpResult.NPF_SIZE_MISMATCH -> fault(bits | NestedFault.SIZE_MISMATCH);
      case RmpResult.NPF_NOT_OWNED -> fault(bits);
      case RmpResult.NOT_VALIDATED -> NOT_VALIDATED;
      default -> result;
    };
  }

  /**
   * Walks the nested table; remembers the leaf; sets A on the way but not in the leaf. An address
   * beyond what the table decodes is not present.
   */
  private long walk(long gpa, int kind, long bits) {
    if (gpa >>> X86Entry.coverLog2(levels + 1) != 0) {
      return fault(bits);
    }
    long table = root & plainMask;
    int level = levels;
    while (true) {
      long at = X86Entry.slot(table, level, gpa);
      long entry = memory.getLongOr(at, 0);
      if ((entry & X86Entry.PRESENT) == 0) {
        return entry == 0 && !memory.isBacked(at) ? MACHINE_CHECK : fault(bits);
      }
      if (X86Entry.hasReservedBit(entry & plainMask, level)) {
        return fault(bits | NestedFault.PRESENT | NestedFault.RESERVED);
      }
      if (forbids(entry, kind)) {
        return fault(bits | NestedFault.PRESENT);
      }
      if (X86Entry.isLeaf(entry, level)) {
        leafAddress = at;
        leaf = entry;
        leafLevel = level;
        return X86Entry.output(entry & plainMask, level, gpa);
      }
      if (!mark(at, entry, X86Entry.ACCESSED)) {
        continue;
      }
      table = entry & X86Entry.ADDRESS & plainMask;
      level--;
    }
  }

  /** All nested accesses are a user's. */
  private static boolean forbids(long entry, int kind) {
    int needed =
        X86Entry.MAY_USER
            | (kind == WRITE ? X86Entry.MAY_WRITE : 0)
            | (kind == EXECUTE ? X86Entry.MAY_EXECUTE : 0);
    return (X86Entry.rights(entry) & needed) != needed;
  }

  private boolean mark(long at, long entry, long marks) {
    return (entry & marks) == marks || memory.compareAndSetLong(at, entry, entry | marks);
  }

  private long checkPrivate(long spa, long gpa, int kind, long bits) {
    long present = bits | NestedFault.PRESENT | NestedFault.RMP;
    if (!rmp.covers(spa)) {
      return fault(present);
    }
    if (!isRmpReadable(spa)) {
      return MACHINE_CHECK;
    }
    long entry = rmp.entryOf(spa);
    boolean large = RmpEntry.isLarge(entry);
    long page = gpa & (large ? -ReverseMap.REGION_BYTES : PAGE_MASK);
    if (!RmpEntry.isAssigned(entry)
        || RmpEntry.asid(entry) != asid
        || RmpEntry.gpa(entry) != page
        || (entry & RmpEntry.IMMUTABLE) != 0) {
      return fault(present);
    }
    if (large != (leafLevel >= LARGE_LEVEL)) {
      return fault(present | NestedFault.SIZE_MISMATCH);
    }
    if ((entry & RmpEntry.VALIDATED) == 0) {
      return NOT_VALIDATED;
    }
    int needed =
        switch (kind) {
          case WRITE -> RmpEntry.VMPL_READ | RmpEntry.VMPL_WRITE;
          case EXECUTE -> RmpEntry.VMPL_SUPERVISOR_EXECUTE;
          default -> RmpEntry.VMPL_READ;
        };
    int granted = RmpEntry.permissions(rmp.permissionsOf(spa), vmpl);
    return (granted & needed) == needed ? 0 : fault(present | NestedFault.VMPL);
  }

  private long checkShared(long spa, int kind, long bits) {
    if (kind != WRITE || !rmp.covers(spa)) {
      return 0;
    }
    if (!isRmpReadable(spa)) {
      return MACHINE_CHECK;
    }
    return rmp.isHypervisors(spa, leafLevel >= LARGE_LEVEL)
        ? 0
        : fault(bits | NestedFault.PRESENT | NestedFault.RMP);
  }

  private boolean isRmpReadable(long spa) {
    return memory.isBacked(rmp.headAddress(spa)) && memory.isBacked(rmp.entryAddress(spa));
  }

  private long fault(long bits) {
    errorCode = bits;
    return NESTED_PAGE_FAULT;
  }
}
