package dev.cleave.hwmodel.rmp;

import com.google.errorprone.annotations.CheckReturnValue;
import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * The instructions that change the RMP: RMPUPDATE and PSMASH of the hypervisor, PVALIDATE and
 * RMPADJUST of the guest. All return a {@link RmpResult} and change nothing unless it is success.
 *
 * <p>Where the sources say no more than the result codes, this is chosen: bad input is looked for
 * first, then the lock, overlap, and permission; a 2 MiB entry may become 4 KiB by RMPUPDATE of its
 * first page, the other 511 becoming the hypervisor's; a page newly assigned grants everything to
 * VMPL 0 and nothing to the others; PSMASH cannot expand an entry that is a VM save area. The lock
 * bit that real parts leave in immutable entries for good is no lock: such a page refuses RMPUPDATE
 * by permission, and its region's other pages can be changed.
 *
 * <p>Thread-safe: the lock bit of the region's first entry is taken, and found taken is {@link
 * RmpResult#FAIL_IN_USE}; while it is held the entry does not show as immutable. APM volume 2,
 * 15.36.
 */
@CheckReturnValue
public final class RmpInstructions {
  private static final long PAGE_BYTES = 4096;
  private static final long NEW_PERMISSIONS =
      RmpEntry.withPermissions(0, 0, RmpEntry.ALL_VMPL_PERMISSIONS);

  private final ReverseMap map;
  private final PhysicalMemory memory;

  /**
   * Instructions on an RMP.
   *
   * @param map the RMP
   */
  public RmpInstructions(ReverseMap map) {
    this.map = map;
    this.memory = map.memory();
  }

  /**
   * RMPUPDATE: assigns, unassigns or re-maps one page. Validated and the VMPL permissions survive
   * only if owner, gpa and size stay as they were.
   *
   * @param spa the page, aligned to its size
   * @param gpa where the guest will see it, aligned to its size; ignored when unassigning
   * @param state a second word of {@link RmpState}
   * @return success, bad input, permission, in use or overlap
   */
  public int rmpUpdate(long spa, long gpa, long state) {
    boolean large = RmpState.isLarge(state);
    boolean assign = RmpState.isAssigned(state);
    long misaligned = (large ? ReverseMap.REGION_BYTES : PAGE_BYTES) - 1;
    if ((spa & misaligned) != 0
        || (assign && (gpa & misaligned) != 0)
        || (assign && RmpEntry.gpa(gpa) != gpa)
        || !RmpState.isWellFormed(state)
        || !map.isUsable(spa)) {
      return RmpResult.FAIL_INPUT;
    }
    long headAt = map.headAddress(spa);
    long head = RegionLock.tryTake(memory, headAt);
    if (head == RegionLock.HELD) {
      return RmpResult.FAIL_IN_USE;
    }
    long newHead = head;
    int result = whyNotUpdate(spa, head, large);
    if (result == RmpResult.SUCCESS) {
      newHead = update(spa, head, assign ? assigned(gpa, state) : 0);
    }
    RegionLock.release(memory, headAt, newHead);
    return result;
  }

  private static long assigned(long gpa, long state) {
    return RmpEntry.assigned(
        gpa, RmpState.asid(state), RmpState.isLarge(state), RmpState.isImmutable(state));
  }

  private int whyNotUpdate(long spa, long head, boolean large) {
    boolean first = spa % ReverseMap.REGION_BYTES == 0;
    if (RmpEntry.isLarge(head)) {
      if (!first) {
        return RmpResult.FAIL_OVERLAP;
      }
    } else if (large && (RmpEntry.isAssigned(head) || RmpEntry.subpages(head) != 0)) {
      return RmpResult.FAIL_OVERLAP;
    }
    long old = first ? head : memory.getLong(map.entryAddress(spa));
    if (RmpEntry.isLocked(old)) {
      return RmpResult.FAIL_IN_USE;
    }
    return (old & RmpEntry.IMMUTABLE) != 0 ? RmpResult.FAIL_PERMISSION : RmpResult.SUCCESS;
  }

  /** Writes the entry of the page; returns what the head becomes. */
  private long update(long spa, long head, long entry) {
    long at = map.entryAddress(spa);
    boolean first = spa % ReverseMap.REGION_BYTES == 0;
    long old = first ? RmpEntry.withSubpages(head, 0) : memory.getLong(at);
    long kept = old & (RmpEntry.VALIDATED | RmpEntry.VMSA);
    boolean same =
        RmpEntry.isAssigned(entry)
            && (old & ~kept & ~RmpEntry.IMMUTABLE) == (entry & ~RmpEntry.IMMUTABLE);
    if (!same) {
      memory.setLong(at + Long.BYTES, RmpEntry.isAssigned(entry) ? NEW_PERMISSIONS : 0);
    }
    long updated = same ? entry | kept : entry;
    if (first) {
      return RmpEntry.withSubpages(updated, RmpEntry.subpages(head));
    }
    memory.setLong(at, updated);
    int more = (RmpEntry.isAssigned(updated) ? 1 : 0) - (RmpEntry.isAssigned(old) ? 1 : 0);
    return RmpEntry.withSubpages(head, RmpEntry.subpages(head) + more);
  }

  /**
   * PSMASH: one 2 MiB entry becomes 512 of 4 KiB. Guest addresses follow one another, everything
   * else is copied, Validated stays.
   *
   * @param spa the page, 2 MiB-aligned
   * @return success, bad input (misaligned, not a 2 MiB entry), permission (immutable), in use or
   *     not expandable
   */
  public int psmash(long spa) {
    if (spa % ReverseMap.REGION_BYTES != 0 || !map.isUsable(spa)) {
      return RmpResult.FAIL_INPUT;
    }
    long headAt = map.headAddress(spa);
    long head = RegionLock.tryTake(memory, headAt);
    if (head == RegionLock.HELD) {
      return RmpResult.FAIL_IN_USE;
    }
    int result = whyNotSmash(head);
    if (result != RmpResult.SUCCESS) {
      RegionLock.release(memory, headAt, head);
      return result;
    }
    long permissions = memory.getLong(headAt + Long.BYTES);
    for (int page = 1; page < RmpEntry.REGION_PAGES; page++) {
      long at = headAt + (long) page * RmpEntry.BYTES;
      memory.setLong(at + Long.BYTES, permissions);
      memory.setLong(at, RmpEntry.piece(head, page));
    }
    // Last, so that a reader that finds 4 KiB in the head finds the other 511 as well.
    RegionLock.release(
        memory, headAt, RmpEntry.withSubpages(RmpEntry.piece(head, 0), RmpEntry.REGION_PAGES - 1));
    return RmpResult.SUCCESS;
  }

  private static int whyNotSmash(long head) {
    if (!RmpEntry.isLarge(head)) {
      return RmpResult.FAIL_INPUT;
    }
    if ((head & RmpEntry.IMMUTABLE) != 0) {
      return RmpResult.FAIL_PERMISSION;
    }
    return (head & RmpEntry.VMSA) != 0 ? RmpResult.FAIL_NOT_EXPANDABLE : RmpResult.SUCCESS;
  }

  /**
   * PVALIDATE: the guest accepts or rejects a page.
   *
   * @param spa what the nested table says the page is
   * @param gpa the page, aligned to the size asked for
   * @param asid the guest
   * @param large whether the guest asked for 2 MiB
   * @param validated what it wants
   * @return success, with {@link RmpResult#UNCHANGED} if nothing changed; bad input, in use, size
   *     mismatch or a nested page fault
   */
  public int pvalidate(long spa, long gpa, int asid, boolean large, boolean validated) {
    long at = guestEntry(spa, gpa, large);
    int result = whyNotGuest(at, spa, gpa, asid, large);
    if (result != RmpResult.SUCCESS) {
      return result;
    }
    long entry = memory.getLong(at);
    if (RmpEntry.isLocked(entry)) {
      return RmpResult.FAIL_IN_USE;
    }
    if (((entry & RmpEntry.VALIDATED) != 0) == validated) {
      return RmpResult.SUCCESS | RmpResult.UNCHANGED;
    }
    return memory.compareAndSetLong(at, entry, entry ^ RmpEntry.VALIDATED)
        ? RmpResult.SUCCESS
        : RmpResult.FAIL_IN_USE;
  }

  /**
   * RMPADJUST: the guest changes what a less privileged VMPL may do with a page.
   *
   * @param spa what the nested table says the page is
   * @param gpa the page, aligned to the size asked for
   * @param asid the guest
   * @param large whether the guest asked for 2 MiB
   * @param currentVmpl who executes, 0 to 3
   * @param targetVmpl whose permissions change; must be numerically higher
   * @param permissions bits of {@link RmpEntry}; no more than the current VMPL has itself
   * @param vmsa whether the page becomes a VM save area, which only VMPL 0 may say of 4 KiB
   * @return success, bad input, permission, in use, size mismatch, not validated or a nested page
   *     fault
   */
  public int rmpAdjust(
      long spa,
      long gpa,
      int asid,
      boolean large,
      int currentVmpl,
      int targetVmpl,
      int permissions,
      boolean vmsa) {
    if (targetVmpl < 0
        || targetVmpl >= RmpEntry.VMPLS
        || (permissions & ~RmpEntry.ALL_VMPL_PERMISSIONS) != 0
        || (vmsa && large)) {
      return RmpResult.FAIL_INPUT;
    }
    long at = guestEntry(spa, gpa, large);
    int result = whyNotGuest(at, spa, gpa, asid, large);
    if (result != RmpResult.SUCCESS) {
      return result;
    }
    long entry = memory.getLong(at);
    long all = memory.getLong(at + Long.BYTES);
    if ((entry & RmpEntry.VALIDATED) == 0) {
      return RmpResult.NOT_VALIDATED;
    }
    if (targetVmpl <= currentVmpl
        || (permissions & ~RmpEntry.permissions(all, currentVmpl)) != 0
        || (vmsa && currentVmpl != 0)) {
      return RmpResult.FAIL_PERMISSION;
    }
    long adjusted = vmsa ? entry | RmpEntry.VMSA : entry & ~RmpEntry.VMSA;
    if (RmpEntry.isLocked(entry) || !memory.compareAndSetLong(at, entry, adjusted)) {
      return RmpResult.FAIL_IN_USE;
    }
    memory.setLong(at + Long.BYTES, RmpEntry.withPermissions(all, targetVmpl, permissions));
    return RmpResult.SUCCESS;
  }

  private long guestEntry(long spa, long gpa, boolean large) {
    long misaligned = (large ? ReverseMap.REGION_BYTES : PAGE_BYTES) - 1;
    return ((spa | gpa) & misaligned) != 0 || !map.isUsable(spa) ? 0 : map.entryAddress(spa);
  }

  private int whyNotGuest(long at, long spa, long gpa, int asid, boolean large) {
    if (at == 0) {
      return RmpResult.FAIL_INPUT;
    }
    long head = memory.getLong(map.headAddress(spa));
    boolean isLarge = RmpEntry.isLarge(head);
    long entry = isLarge ? head : memory.getLong(at);
    long base = isLarge ? gpa & -ReverseMap.REGION_BYTES : gpa;
    if (!RmpEntry.isAssigned(entry)
        || RmpEntry.asid(entry) != asid
        || RmpEntry.gpa(entry) != base) {
      return RmpResult.NPF_NOT_OWNED;
    }
    if (isLarge && !large) {
      return RmpResult.NPF_SIZE_MISMATCH;
    }
    return large && !isLarge ? RmpResult.FAIL_SIZE_MISMATCH : RmpResult.SUCCESS;
  }
}
