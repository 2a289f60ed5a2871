package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.slotsLog2;

import dev.cleave.engine.format.EntryFormat;

/**
 * A format as masks and values, for tables that Cleave writes. Code that goes by them is the same
 * for all formats, where to ask the format is a branch each time in a JVM that has tables of two
 * ({@code bench --stability}, translate: 10.0 and 6.7 ns). Only leaves of several slots, which one
 * format has, are left to it.
 *
 * <p>What is called here is of 35 bytes at most: longer methods have a profile of their own, and
 * where C2 compiles a caller before they have it, it leaves their calls as calls. Immutable and
 * thread-safe.
 */
final class EntryMasks {
  /** The kind of no entry. */
  private static final long NO_KIND = -1;

  private final EntryFormat format;

  /** What is set in every entry that counts. */
  final long presentMask;

  /** The accessed and dirty bits. */
  final long statusMask;

  /** Where a directory has the paddr of its table, and a leaf of one slot its own. */
  final long paddrMask;

  /** Where a leaf has its attributes. */
  private final long attributesMask;

  /** What the bits of an entry are compared under, above level 1 and there. */
  final long kindMask;

  final long pageKindMask;

  /** What a leaf of one slot is under it, above level 1 and there. */
  final long leaf;

  final long page;

  /** What such leaves have beside a paddr and attributes. */
  private final long leafBits;

  private final long pageBits;

  /** What directories in tables of each level are under it; no entry of level 1 is that. */
  private final long[] directories;

  /** What they have beside the paddr of their table. */
  private final long[] directoryBits;

  EntryMasks(EntryFormat format) {
    this.format = format;
    this.presentMask = format.presentMask();
    this.statusMask = format.statusMask();
    this.paddrMask = format.tablePaddr(-1L);
    this.attributesMask = format.attributesOf(-1L);
    this.kindMask = format.kindMask(2);
    this.pageKindMask = format.kindMask(1);
    this.leafBits = format.leaf(0, REGION_LOG2, 0);
    this.pageBits = format.leaf(0, PAGE_LOG2, 0);
    this.leaf = kind(leafBits | presentMask);
    this.page = (pageBits | presentMask) & pageKindMask;
    this.directories = new long[format.maxLevels() + 1];
    this.directoryBits = new long[format.maxLevels() + 1];
    directories[1] = NO_KIND;
    for (int level = 2; level < directories.length; level++) {
      directoryBits[level] = format.directory(0, level - 1);
      directories[level] = kind(directoryBits[level]);
    }
  }

  /** What an entry above level 1 is. */
  long kind(long entry) {
    return entry & kindMask;
  }

  /** The {@link #kind} of all directories in tables of a level. */
  long directoryKind(int level) {
    return directories[level];
  }

  boolean isPresent(long entry) {
    return (entry & presentMask) != 0;
  }

  /** Whether an entry of a table of a level leads to another table, and does not wait. */
  boolean isDirectory(long entry, int level) {
    return kind(entry) == directories[level];
  }

  /**
   * Whether a present entry of a table of a level translates. Of what is not present it says
   * nothing.
   */
  boolean isLeaf(long entry, int level) {
    return kind(entry) != directories[level];
  }

  /** Whether an entry of any kind is a leaf of one slot in a table of a level. */
  boolean isSingle(long entry, int level) {
    return level == 1 ? isPage(entry) : isLargeSingle(entry);
  }

  private boolean isLargeSingle(long entry) {
    return kind(entry) == leaf;
  }

  private boolean isPage(long entry) {
    return (entry & pageKindMask) == page;
  }

  /** A leaf of one slot of a table of a level. */
  long single(long paddr, int level, long attributes) {
    return paddr | attributes | (level == 1 ? pageBits : leafBits);
  }

  /** As {@link EntryFormat#leaf} says. */
  long leaf(long paddr, int sizeLog2, long attributes) {
    return slotsLog2(sizeLog2) == 0
        ? single(paddr, leafLevel(sizeLog2), attributes)
        : format.leaf(paddr, sizeLog2, attributes);
  }

  /** As {@link EntryFormat#leafSizeLog2} says. */
  int leafSizeLog2(long entry, int level) {
    return isSingle(entry, level) ? entryLog2(level) : format.leafSizeLog2(entry, level);
  }

  /** As {@link EntryFormat#leafPaddr} says. */
  long leafPaddr(long entry, int level) {
    return entry & paddrMask & -(1L << leafSizeLog2(entry, level));
  }

  /** As {@link EntryFormat#attributesOf} says. */
  long attributesOf(long entry) {
    return entry & attributesMask;
  }

  /** As {@link EntryFormat#directory} says. */
  long directory(long tablePaddr, int tableLevel) {
    return tablePaddr | directoryBits[tableLevel + 1];
  }

  /** As {@link EntryFormat#tablePaddr} says. */
  long tablePaddr(long entry) {
    return entry & paddrMask;
  }

  /** As {@link EntryFormat#remnant} says. */
  long remnant(long directory) {
    return directory & ~presentMask;
  }

  /** As {@link EntryFormat#isRemnant} says. */
  boolean isRemnant(long entry) {
    return !isPresent(entry) && (entry & ~statusMask) != 0;
  }
}
