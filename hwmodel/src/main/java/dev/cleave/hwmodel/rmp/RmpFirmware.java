package dev.cleave.hwmodel.rmp;

import com.google.errorprone.annotations.CheckReturnValue;
import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * What only the firmware does to the RMP. Its own status codes are not modelled: results are {@link
 * RmpResult} codes.
 *
 * <p>The way back from 512 pages of 4 KiB to one of 2 MiB: RMPUPDATE makes each page immutable,
 * {@link #pageUnsmash} joins them, {@link #pageReclaim} makes the result mutable again. Validated
 * survives all three.
 *
 * <p>Thread-safe as {@link RmpInstructions}.
 */
@CheckReturnValue
public final class RmpFirmware {
  private final ReverseMap map;
  private final PhysicalMemory memory;

  /**
   * Firmware that works on an RMP.
   *
   * @param map the RMP
   */
  public RmpFirmware(ReverseMap map) {
    this.map = map;
    this.memory = map.memory();
  }

  /**
   * SNP_PAGE_UNSMASH: 512 entries become one. All must be 4 KiB, immutable, no VM save area, of the
   * same guest, state and permissions, with consecutive guest addresses from a 2 MiB boundary.
   *
   * @param spa the region, 2 MiB-aligned
   * @return success; bad input (misaligned, not covered, already one page), in use, or permission
   *     if the 512 entries do not agree
   */
  public int pageUnsmash(long spa) {
    if (spa % ReverseMap.REGION_BYTES != 0 || !map.isUsable(spa)) {
      return RmpResult.FAIL_INPUT;
    }
    long headAt = map.headAddress(spa);
    if (!RegionLock.tryTake(memory, headAt)) {
      return RmpResult.FAIL_IN_USE;
    }
    long head = memory.getLong(headAt) & ~RmpEntry.LOCK;
    int result = whyNotUnsmash(headAt, head);
    if (result != RmpResult.SUCCESS) {
      RegionLock.release(memory, headAt, head);
      return result;
    }
    // First, so that a reader that finds an empty entry finds 2 MiB in the head when it looks
    // again.
    RegionLock.release(memory, headAt, RmpEntry.withSubpages(head, 0) | RmpEntry.LARGE);
    for (int page = 1; page < RmpEntry.REGION_PAGES; page++) {
      long at = headAt + (long) page * RmpEntry.BYTES;
      memory.setLong(at, 0);
      memory.setLong(at + Long.BYTES, 0);
    }
    return RmpResult.SUCCESS;
  }

  private int whyNotUnsmash(long headAt, long head) {
    if (RmpEntry.isLarge(head)) {
      return RmpResult.FAIL_INPUT;
    }
    if (!RmpEntry.isAssigned(head)
        || (head & RmpEntry.IMMUTABLE) == 0
        || (head & RmpEntry.VMSA) != 0
        || RmpEntry.asid(head) == 0
        || RmpEntry.gpa(head) % ReverseMap.REGION_BYTES != 0) {
      return RmpResult.FAIL_PERMISSION;
    }
    long permissions = memory.getLong(headAt + Long.BYTES);
    for (int page = 1; page < RmpEntry.REGION_PAGES; page++) {
      long at = headAt + (long) page * RmpEntry.BYTES;
      if (memory.getLong(at) != RmpEntry.piece(head, page)
          || memory.getLong(at + Long.BYTES) != permissions) {
        return RmpResult.FAIL_PERMISSION;
      }
    }
    return RmpResult.SUCCESS;
  }

  /**
   * SNP_PAGE_RECLAIM: makes a page mutable. A firmware page becomes a reclaim page, a page before
   * the guest's becomes the guest's.
   *
   * @param spa the page, aligned to its size
   * @return success; bad input (misaligned, not covered, not assigned), in use
   */
  public int pageReclaim(long spa) {
    if (spa % 4096 != 0 || !map.isUsable(spa)) {
      return RmpResult.FAIL_INPUT;
    }
    long headAt = map.headAddress(spa);
    long at = map.entryAddress(spa);
    if (!RegionLock.tryTake(memory, headAt)) {
      return RmpResult.FAIL_IN_USE;
    }
    long head = memory.getLong(headAt) & ~RmpEntry.LOCK;
    long entry = at == headAt ? head : memory.getLong(at);
    if (!RmpEntry.isAssigned(entry)) {
      RegionLock.release(memory, headAt, head);
      return RmpResult.FAIL_INPUT;
    }
    if (at == headAt) {
      head &= ~RmpEntry.IMMUTABLE;
    } else {
      memory.setLong(at, entry & ~RmpEntry.IMMUTABLE);
    }
    RegionLock.release(memory, headAt, head);
    return RmpResult.SUCCESS;
  }
}
