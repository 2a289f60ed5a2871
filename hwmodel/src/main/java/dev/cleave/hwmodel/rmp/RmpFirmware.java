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
    long head = RegionLock.tryTake(memory, headAt);
    if (head == RegionLock.HELD) {
      return RmpResult.FAIL_IN_USE;
    }
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
      if ((memory.getLong(at) & ~RmpEntry.LOCK) != RmpEntry.piece(head, page)
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
    long head = RegionLock.tryTake(memory, headAt);
    if (head == RegionLock.HELD) {
      return RmpResult.FAIL_IN_USE;
    }
    long entry = at == headAt ? head : memory.getLong(at);
    if (!RmpEntry.isAssigned(entry)) {
      RegionLock.release(memory, headAt, head);
      return RmpResult.FAIL_INPUT;
    }
    if (at == headAt) {
      head &= ~RmpEntry.IMMUTABLE;
    } else {
      memory.setLong(at, RmpEntry.unlocked(entry & ~RmpEntry.IMMUTABLE));
    }
    RegionLock.release(memory, headAt, head);
    return RmpResult.SUCCESS;
  }

  /**
   * What MMIO_VALIDATE does to a page that it has found in order: sets or clears Validated, and
   * notes the way to the device. The page is immutable, so that nothing else changes it.
   *
   * @param spa a covered page of 4 KiB, immutable
   * @param validated what the guest wants
   * @param rootPort above the device, 0 to 31
   * @param stream to the device, 0 to 255
   */
  public void validateMmio(long spa, boolean validated, int rootPort, int stream) {
    long at = map.entryAddress(spa);
    long q1 = memory.getLong(at + Long.BYTES);
    memory.setLong(at + Long.BYTES, RmpEntry.withRoute(q1, rootPort, stream));
    long q0;
    do {
      q0 = memory.getLong(at);
    } while (RmpEntry.isLocked(q0)
        || !memory.compareAndSetLong(
            at, q0, validated ? q0 | RmpEntry.VALIDATED : q0 & ~RmpEntry.VALIDATED));
  }
}
