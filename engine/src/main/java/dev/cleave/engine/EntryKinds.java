package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.engine.format.EntryFormat;

/**
 * What entries are under a mask of their format. Code that goes by it is the same for all formats,
 * where to ask the format is a branch each time in a JVM that has tables of two ({@code bench
 * --stability}, translate: 10.0 and 6.7 ns).
 *
 * <p>What is called here is of 35 bytes at most: longer methods have a profile of their own, and
 * where C2 compiles a caller before they have it, it leaves their calls as calls. Immutable and
 * thread-safe.
 */
final class EntryKinds {
  private final long presentMask;

  /** What directories in tables of each level are, from 2 up. */
  private final long[] directories;

  /** What the bits of an entry are compared under, above level 1 and there. */
  final long mask;

  final long pageMask;

  /** What a leaf of one slot is under it, above level 1 and there. */
  final long leaf;

  final long page;

  /** What such leaves have beside a paddr and attributes. */
  private final long leafBits;

  private final long pageBits;

  /** Where a directory has the paddr of its table, and a leaf of one slot its own. */
  final long paddrMask;

  EntryKinds(EntryFormat format) {
    this.presentMask = format.presentMask();
    this.mask = format.kindMask(2);
    this.pageMask = format.kindMask(1);
    this.leafBits = format.leaf(0, REGION_LOG2, 0);
    this.pageBits = format.leaf(0, PAGE_LOG2, 0);
    this.leaf = kind(leafBits | format.presentMask());
    this.page = (pageBits | format.presentMask()) & pageMask;
    this.paddrMask = format.tablePaddr(-1L);
    this.directories = new long[format.maxLevels() + 1];
    for (int level = 2; level < directories.length; level++) {
      directories[level] = kind(format.directory(0, level - 1));
    }
  }

  /** What an entry above level 1 is. */
  long kind(long entry) {
    return entry & mask;
  }

  /** The {@link #kind} of all directories in tables of a level. */
  long directory(int level) {
    return directories[level];
  }

  boolean isPresent(long entry) {
    return (entry & presentMask) != 0;
  }

  /** Whether an entry of a table of a level leads to another table, and does not wait. */
  boolean isDirectory(long entry, int level) {
    return level > 1 && kind(entry) == directories[level];
  }

  /** Whether an entry above level 1 is a leaf of one slot. */
  private boolean isLeaf(long entry) {
    return kind(entry) == leaf;
  }

  /** Whether an entry of level 1 is a leaf of one slot. */
  private boolean isPage(long entry) {
    return (entry & pageMask) == page;
  }

  /** Whether an entry is a leaf of one slot in a table of a level. */
  boolean isLeaf(long entry, int level) {
    return level == 1 ? isPage(entry) : isLeaf(entry);
  }

  /** A leaf of one slot. */
  long leaf(long paddr, int level, long attributes) {
    return paddr | attributes | (level == 1 ? pageBits : leafBits);
  }
}
