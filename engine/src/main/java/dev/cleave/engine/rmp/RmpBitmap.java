package dev.cleave.engine.rmp;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.offsetMask;

import dev.cleave.engine.SizeRule;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import dev.cleave.engine.memory.Words;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A VMM's own knowledge of the RMP: for each 4 KiB guest page whether it is shared, for each region
 * whether its private RMP entry is one of 2 MiB.
 *
 * <pre>
 *  shared  512 bits a region, one cache line    1 = shared (unassigned in the RMP)
 *  large     1 bit a region                     1 = one 2 MiB entry covers the private region
 *  whole     1 bit a region                     1 = leaves of 2 MiB and more are legal
 * </pre>
 *
 * <p>{@code whole} follows from the other two, and is kept so that a rule over terabytes is read at
 * 64 regions a word: all pages shared, or none shared and the entry large. In all other regions
 * only leaves below 2 MiB are legal. Guest memory ends where the bitmap does; what lies beyond is
 * not covered by the RMP and belongs to the hypervisor, like a shared page.
 *
 * <p>At first every page is private and no entry is large. One writer at a time. Source: {@code
 * docs/spec/rmp.md} §3.
 */
public final class RmpBitmap implements AutoCloseable {
  private static final TableKernels KERNELS = Kernels.chosen();

  /** A word has 2^6 bits, in 2^3 bytes. */
  private static final int WORD_LOG2 = 6;

  private static final int BYTES_LOG2 = 3;
  private static final int REGION_PAGES_LOG2 = REGION_LOG2 - PAGE_LOG2;
  private static final int REGION_WORDS = TableKernels.REGION_WORDS;

  /** What is copied word by word: a call takes longer (benchmark {@code ShareUnshare}). */
  private static final int FEW_BYTES = 4 * Long.BYTES;

  private static final long ADDRESS_REGIONS = 1L << (Long.SIZE - REGION_LOG2);
  private static final int SMALL_LOG2 = REGION_LOG2 - 1;
  private static final long ALL_SIZES = -1L;
  private static final long SMALL_SIZES = offsetMask(REGION_LOG2);

  private final long guestBytes;
  private final long regions;

  /** All ones if regions that are shared as a whole may have large leaves, else 0. */
  private final long largeShared;

  private final Words shared;
  private final Words large;
  private final Words whole;
  private final Words savedShared;
  private final Words savedLarge;
  private final SizeRule rule = ruleAt(0);
  private long sharedPages;
  private long savedSharedPages;
  private long mixedRegions;
  private boolean isClosed;

  /**
   * Knowledge of a guest whose pages are all private, each with its own RMP entry.
   *
   * @param guestBytes where guest memory ends, a positive multiple of 4096; the last region may be
   *     a part of one
   * @throws IllegalArgumentException if it is not
   */
  public RmpBitmap(long guestBytes) {
    this(guestBytes, true);
  }

  /**
   * The same for a guest whose shared pages may come one by one from other memory.
   *
   * @param guestBytes where guest memory ends, a positive multiple of 4096; the last region may be
   *     a part of one
   * @param isSharedInPlace whether shared pages stay where they are: then the rule allows large
   *     leaves in regions that are shared as a whole; else only under 2 MiB entries
   * @throws IllegalArgumentException if the size is not such a multiple
   */
  public RmpBitmap(long guestBytes, boolean isSharedInPlace) {
    if (guestBytes <= 0 || guestBytes % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "guest memory must be a positive multiple of 4096 bytes, guestBytes=" + guestBytes);
    }
    this.guestBytes = guestBytes;
    this.largeShared = isSharedInPlace ? -1 : 0;
    this.regions = ((guestBytes - 1) >>> REGION_LOG2) + 1;
    this.shared = reserve(regions * REGION_WORDS);
    this.large = reserve(words(regions));
    this.whole = reserve(words(regions));
    this.savedShared = reserve(regions * REGION_WORDS);
    this.savedLarge = reserve(words(regions));
    this.mixedRegions = regions;
    long end = guestBytes >>> PAGE_LOG2;
    setBits(shared, end, regions << REGION_PAGES_LOG2, true); // beyond the guest, all alike
  }

  private static long words(long bits) {
    return (bits + Long.SIZE - 1) / Long.SIZE;
  }

  private static Words reserve(long words) {
    long pageMask = PAGE_BYTES - 1;
    return Words.reserve((words * Long.BYTES + pageMask) & ~pageMask);
  }

  /** Where the word lies that has a bit. */
  private static long wordOf(long bit) {
    return bit >>> WORD_LOG2 << BYTES_LOG2;
  }

  /** Which bit of its word a bit is. */
  private static int placeOf(long bit) {
    return (int) bit & (Long.SIZE - 1);
  }

  /** {@return where guest memory ends, in bytes} */
  public long guestBytes() {
    return guestBytes;
  }

  /** {@return number of 4 KiB pages that are shared} */
  public long sharedPages() {
    return sharedPages;
  }

  /** {@return number of regions where only leaves below 2 MiB are legal} */
  public long mixedRegions() {
    return mixedRegions;
  }

  /**
   * Whether a page is shared.
   *
   * @param gpa any address in guest memory
   * @return false for a private page
   */
  public boolean isShared(long gpa) {
    return bit(shared, checked(gpa) >>> PAGE_LOG2);
  }

  /**
   * Whether one 2 MiB RMP entry covers the private region around an address.
   *
   * @param gpa any address in guest memory
   * @return false for a region of 4 KiB entries, or one that is shared
   */
  public boolean isLarge(long gpa) {
    return bit(large, checked(gpa) >>> REGION_LOG2);
  }

  /**
   * Whether leaves of 2 MiB and more are legal around an address.
   *
   * @param gpa any address
   * @return false where only leaves below 2 MiB are
   */
  public boolean allowsLarge(long gpa) {
    checkOpen();
    long region = gpa >>> REGION_LOG2;
    return region >= regions || bit(whole, region);
  }

  /**
   * Whether the region around an address is whole and no page of it is shared.
   *
   * @param gpa any address in guest memory
   * @return true when all 512 pages are private
   */
  public boolean isPrivate(long gpa) {
    long offset = regionOffset(checked(gpa) >>> REGION_LOG2);
    return KERNELS.uniformRegions(shared.segment(), offset, 1, 0, 1) != 0;
  }

  /**
   * Notes that pages are shared now, and that no 2 MiB entry covers their regions any more.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096
   * @throws IllegalArgumentException if the range is misaligned or not all guest memory
   */
  public void share(long gpa, long length) {
    set(gpa, length, true);
  }

  /**
   * Notes that pages are private now.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096
   * @throws IllegalArgumentException if the range is misaligned or not all guest memory
   */
  public void unshare(long gpa, long length) {
    set(gpa, length, false);
  }

  private void set(long gpa, long length, boolean value) {
    check(gpa, length);
    sharedPages += setBits(shared, gpa >>> PAGE_LOG2, (gpa + length) >>> PAGE_LOG2, value);
    long region = gpa >>> REGION_LOG2;
    long end = ((gpa + length - 1) >>> REGION_LOG2) + 1;
    if (value) {
      setBits(large, region, end, false);
    }
    derive(region, end, wordOf(gpa >>> PAGE_LOG2));
  }

  /**
   * Notes whether one 2 MiB entry covers each region that lies wholly in a range.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096
   * @param value true after UNSMASH or an RMPUPDATE of 2 MiB, false after PSMASH
   * @throws IllegalArgumentException if the range is misaligned or not all guest memory
   */
  public void setLarge(long gpa, long length, boolean value) {
    check(gpa, length);
    long region = (gpa + offsetMask(REGION_LOG2)) >>> REGION_LOG2;
    long end = (gpa + length) >>> REGION_LOG2;
    setBits(large, region, end, value);
    derive(region, end, regionOffset(region));
  }

  /**
   * Brings {@link #whole} up to date.
   *
   * @param changed offset of a word of the first region's pages
   */
  private void derive(long firstRegion, long endRegion, long changed) {
    if (endRegion - firstRegion == 1) {
      deriveOne(firstRegion, changed);
    } else {
      deriveMany(firstRegion, endRegion);
    }
  }

  /** Most regions that are not whole show it in the word that has been changed. */
  private void deriveOne(long region, long changed) {
    long ofRegion = wordOf(region);
    long isLarge = large.getOpaque(ofRegion) >>> region & 1;
    long word = shared.getOpaque(changed);
    boolean mayBeWhole = word == 0 ? isLarge != 0 : word == -1;
    boolean isWhole =
        mayBeWhole
            && KERNELS.uniformRegions(
                    shared.segment(), regionOffset(region), 1, largeShared, isLarge)
                != 0;
    mixedRegions -= setBits(whole, region, region + 1, isWhole);
  }

  /** 64 regions at a time. */
  private void deriveMany(long firstRegion, long endRegion) {
    for (long region = firstRegion, next; region < endRegion; region = next) {
      int shift = placeOf(region);
      next = Math.min(region - shift + Long.SIZE, endRegion);
      long offset = wordOf(region);
      long mask = -1L >>> (Long.SIZE - (next - region)) << shift;
      long isLarge = large.getOpaque(offset) >>> shift;
      long now =
          KERNELS.uniformRegions(
                  shared.segment(),
                  regionOffset(region),
                  (int) (next - region),
                  largeShared,
                  isLarge)
              << shift;
      long old = whole.getOpaque(offset);
      whole.setOpaque(offset, (old & ~mask) | now);
      mixedRegions += Long.bitCount(old & mask) - Long.bitCount(now);
    }
  }

  private static long regionOffset(long region) {
    return region * REGION_WORDS * Long.BYTES;
  }

  /**
   * Remembers what is known of the pages of a range and of their regions, so that one change of
   * them can be taken back. Holds until the next call.
   *
   * @param gpa first address, a multiple of 4096
   * @param length bytes, a positive multiple of 4096
   * @throws IllegalArgumentException if the range is misaligned or not all guest memory
   */
  public void save(long gpa, long length) {
    check(gpa, length);
    copyPages(gpa, length, shared, savedShared);
    copyFlags(gpa, length, large, savedLarge);
    savedSharedPages = sharedPages;
  }

  /**
   * Goes back to what {@link #save} remembered.
   *
   * @param gpa as it was given
   * @param length as it was given
   */
  public void restore(long gpa, long length) {
    check(gpa, length);
    copyPages(gpa, length, savedShared, shared);
    copyFlags(gpa, length, savedLarge, large);
    sharedPages = savedSharedPages;
    long region = gpa >>> REGION_LOG2;
    derive(region, ((gpa + length - 1) >>> REGION_LOG2) + 1, regionOffset(region));
  }

  private static void copyPages(long gpa, long length, Words from, Words to) {
    copyWords(wordOf(gpa >>> PAGE_LOG2), wordOf((gpa + length - 1) >>> PAGE_LOG2), from, to);
  }

  private static void copyFlags(long gpa, long length, Words from, Words to) {
    copyWords(wordOf(gpa >>> REGION_LOG2), wordOf((gpa + length - 1) >>> REGION_LOG2), from, to);
  }

  private static void copyWords(long first, long last, Words from, Words to) {
    if (last - first < FEW_BYTES) {
      for (long at = first; at <= last; at += Long.BYTES) {
        to.setOpaque(at, from.getOpaque(at));
      }
    } else {
      long bytes = last - first + Long.BYTES;
      MemorySegment.copy(from.segment(), first, to.segment(), first, bytes);
    }
  }

  /**
   * {@return the legal leaf sizes for a table that maps guest memory at its own addresses; a view,
   * which changes with the bitmap}
   */
  public SizeRule rule() {
    return rule;
  }

  /**
   * The legal leaf sizes for a table that maps guest memory elsewhere.
   *
   * @param gpaMinusIova what to add to an iova to get the gpa, a multiple of 2 MiB
   * @return a view; it changes with the bitmap
   * @throws IllegalArgumentException if the distance is not a multiple of 2 MiB
   */
  public SizeRule ruleAt(long gpaMinusIova) {
    if ((gpaMinusIova & offsetMask(REGION_LOG2)) != 0) {
      throw new IllegalArgumentException(
          "iova and gpa must differ by a multiple of 2 MiB, gpaMinusIova=0x%x"
              .formatted(gpaMinusIova));
    }
    return new Rule(gpaMinusIova);
  }

  private final class Rule implements SizeRule {
    private final long gpaMinusIova;

    Rule(long gpaMinusIova) {
      this.gpaMinusIova = gpaMinusIova;
    }

    @Override
    public long segmentLast(long iova, long last) {
      checkOpen();
      if ((iova ^ last) >>> REGION_LOG2 == 0) {
        return last;
      }
      long gpa = iova + gpaMinusIova;
      long region = gpa >>> REGION_LOG2;
      long lastRegion = region + ((last >>> REGION_LOG2) - (iova >>> REGION_LOG2));
      boolean wraps =
          lastRegion >= ADDRESS_REGIONS; // gpa 0 lies in the range, and not at its start
      if (wraps) {
        lastRegion = ADDRESS_REGIONS - 1;
      }
      long end = runEnd(region, lastRegion, allowsLarge(gpa));
      return end > lastRegion && !wraps ? last : (end << REGION_LOG2) - 1 - gpaMinusIova;
    }

    @Override
    public long sizes(long iova) {
      return allowsLarge(iova + gpaMinusIova) ? ALL_SIZES : SMALL_SIZES;
    }

    @Override
    public int alwaysAllowedLog2() {
      return SMALL_LOG2;
    }
  }

  /** The first region after a run of equal ones, or one past the last if they are all equal. */
  private long runEnd(long region, long lastRegion, boolean value) {
    long at = region;
    while (at <= lastRegion) {
      if (at >= regions) {
        return value ? lastRegion + 1 : regions;
      }
      long word = whole.getOpaque(wordOf(at));
      long differs = (value ? ~word : word) >>> at;
      if (differs != 0) {
        long end = at + Long.numberOfTrailingZeros(differs);
        // bits beyond the last region are 0, but what they stand for allows large leaves
        if (end < regions || !value) {
          return Math.min(end, lastRegion + 1);
        }
        return lastRegion + 1;
      }
      at = (at / Long.SIZE + 1) * Long.SIZE;
    }
    return lastRegion + 1;
  }

  /** {@return whether shared pages stay where they were while they were private} */
  public boolean isSharedInPlace() {
    return largeShared != 0;
  }

  /**
   * Whether a page was shared when {@link #save} looked.
   *
   * @param gpa any address of the range that was saved
   * @return false for a page that was private
   */
  public boolean wasShared(long gpa) {
    return bit(savedShared, checked(gpa) >>> PAGE_LOG2);
  }

  /**
   * Where a run of pages ends that were all shared, or all private, when {@link #save} looked.
   *
   * @param gpa a page of the range that was saved
   * @param end where that range ends
   * @return where the run ends, at most {@code end}
   */
  public long savedRunEnd(long gpa, long end) {
    boolean value = wasShared(gpa);
    long page = gpa >>> PAGE_LOG2;
    long endPage = end >>> PAGE_LOG2;
    while (page < endPage) {
      long word = savedShared.getOpaque(wordOf(page));
      long differs = (value ? ~word : word) >>> page;
      if (differs != 0) {
        page += Long.numberOfTrailingZeros(differs);
        return Math.min(page << PAGE_LOG2, end);
      }
      page = (page / Long.SIZE + 1) * Long.SIZE;
    }
    return end;
  }

  private static boolean bit(Words bits, long index) {
    return (bits.getOpaque(wordOf(index)) >>> index & 1) != 0;
  }

  /** Sets a run of bits to one value; returns by how many the number of ones has grown. */
  private static long setBits(Words bits, long from, long end, boolean value) {
    long grown = 0;
    for (long index = from, next; index < end; index = next) {
      int shift = placeOf(index);
      next = Math.min(index - shift + Long.SIZE, end);
      long mask = -1L >>> (Long.SIZE - (next - index)) << shift;
      long offset = wordOf(index);
      long old = bits.getOpaque(offset);
      long now = value ? old | mask : old & ~mask;
      bits.setOpaque(offset, now);
      grown += Long.bitCount(now) - Long.bitCount(old);
    }
    return grown;
  }

  private void checkOpen() {
    if (isClosed) {
      throw new IllegalStateException("the RMP bitmap is closed");
    }
  }

  private long checked(long gpa) {
    checkOpen();
    if (Long.compareUnsigned(gpa, guestBytes) >= 0) {
      throw new IllegalArgumentException(
          "a gpa must lie in guest memory of 0x%x bytes, gpa=0x%x".formatted(guestBytes, gpa));
    }
    return gpa;
  }

  private void check(long gpa, long length) {
    checkOpen();
    if (length <= 0 || length % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "length must be a positive multiple of 4096, length=" + length);
    }
    if (gpa % PAGE_BYTES != 0) {
      throw new IllegalArgumentException(
          "gpa must be a multiple of 4096, gpa=0x%x, length=0x%x".formatted(gpa, length));
    }
    if (gpa < 0 || gpa > guestBytes - length) {
      throw new IllegalArgumentException(
          "a range must lie in guest memory of 0x%x bytes, gpa=0x%x, length=0x%x"
              .formatted(guestBytes, gpa, length));
    }
  }

  /** {@return for a person: how much it covers, and how much of that is shared} */
  @Override
  public String toString() {
    return "RmpBitmap[%d bytes of guest memory, %d pages shared, %d regions mixed%s]"
        .formatted(guestBytes, sharedPages, mixedRegions, isClosed ? ", closed" : "");
  }

  /** Frees the bitmap. Closing it again does nothing. */
  @Override
  public void close() {
    if (!isClosed) {
      isClosed = true;
      List.of(shared, large, whole, savedShared, savedLarge).forEach(Words::close);
    }
  }
}
