package dev.cleave.engine;

import dev.cleave.engine.memory.TableMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Reads AMD v1 tables as hardware would, with its own reading of the specification: every number
 * here is written down again from {@code spec/amd-vi.md} §1 and shared with no main code.
 */
final class SpecWalker {
  static final long HOLE = -1;

  /** A leaf, found by its first slot. */
  record Leaf(long iova, long paddr, int sizeLog2, int permissions, long entry, int level) {
    long last() {
      return iova + (1L << sizeLog2) - 1;
    }
  }

  private final TableMemory memory;

  SpecWalker(TableMemory memory) {
    this.memory = memory;
  }

  /** Translates as hardware does: permissions in bits 1:0 (1 read, 2 write), or HOLE. */
  long walk(long root, int levels, long iova) {
    int width = 12 + 9 * levels;
    if (width < 64 && iova >>> width != 0) {
      return HOLE;
    }
    long table = root;
    long permissions = 3;
    for (int level = levels; level >= 1; level--) {
      long entry = memory.load(table + 8 * ((iova >>> (12 + 9 * (level - 1))) & 511));
      if ((entry & 1) == 0) {
        return HOLE;
      }
      check(level, entry);
      permissions &= entry >>> 61 & 3;
      int nextLevel = (int) (entry >>> 9 & 7);
      long address = entry & 0x000FFFFFFFFFF000L;
      if (nextLevel == 0 || nextLevel == 7) {
        long size = size(level, nextLevel, address);
        return (address & -size) | (iova & (size - 1) & ~4095L) | permissions;
      }
      table = address;
    }
    throw new AssertionError("a directory at level 1");
  }

  private static void check(int level, long entry) {
    int nextLevel = (int) (entry >>> 9 & 7);
    if ((entry & (0x7FL << 52)) != 0) {
      throw new AssertionError("reserved bits set: " + Long.toHexString(entry));
    }
    if (nextLevel >= 1 && nextLevel <= 6 && nextLevel != level - 1) {
      throw new AssertionError("level skipped: " + Long.toHexString(entry));
    }
    if (nextLevel == 0 && (level == 4 || level == 6)) {
      throw new AssertionError("no leaf of its own size at level " + level);
    }
  }

  private static long size(int level, int nextLevel, long address) {
    if (nextLevel == 0) {
      return 1L << (12 + 9 * (level - 1));
    }
    int zero = 12;
    while ((address >>> zero & 1) != 0) {
      zero++;
    }
    int log2 = zero + 1;
    if ((log2 - 12) / 9 + 1 != level || log2 == 39 || log2 > 51) {
      throw new AssertionError("a leaf of 2^%d at level %d".formatted(log2, level));
    }
    return 1L << log2;
  }

  /**
   * Reads the whole table. Checks that no table but the top is empty, that the counts that the pool
   * keeps are right, and that replicas agree but for A and D.
   *
   * @return its leaves, ascending
   */
  List<Leaf> leaves(long root, int levels) {
    List<Leaf> leaves = new ArrayList<>();
    Set<Long> pages = new HashSet<>();
    collect(root, levels, 0, 3, leaves, pages);
    tables = pages;
    return leaves;
  }

  /** The tables that the last call of {@link #leaves} went through. */
  Set<Long> tables = Set.of();

  private void collect(
      long table, int level, long base, int permissions, List<Leaf> leaves, Set<Long> pages) {
    if (!pages.add(table)) {
      throw new AssertionError("a table is reached twice");
    }
    long slotSize = 1L << (12 + 9 * (level - 1));
    int live = 0;
    for (int i = 0; i < 512; i++) {
      long entry = memory.load(table + 8L * i);
      live += (int) (entry & 1);
    }
    if (memory.live(table) != live) {
      throw new AssertionError("%d entries, counted %d".formatted(live, memory.live(table)));
    }
    if (live == 0 && pages.size() > 1) {
      throw new AssertionError("an empty table at level " + level);
    }
    for (int i = 0; i < 512; i++) {
      long entry = memory.load(table + 8L * i);
      if ((entry & 1) == 0) {
        continue;
      }
      check(level, entry);
      long iova = base + i * slotSize;
      int nextLevel = (int) (entry >>> 9 & 7);
      int allowed = permissions & (int) (entry >>> 61 & 3);
      long address = entry & 0x000FFFFFFFFFF000L;
      if (nextLevel >= 1 && nextLevel <= 6) {
        collect(address, level - 1, iova, allowed, leaves, pages);
        continue;
      }
      long size = size(level, nextLevel, address);
      int slots = (int) (size / slotSize);
      if (i % slots != 0) {
        throw new AssertionError("a sized leaf begins at slot " + i);
      }
      for (int replica = 1; replica < slots; replica++) {
        long other = memory.load(table + 8L * (i + replica));
        if (((other ^ entry) & ~0x60L) != 0) {
          throw new AssertionError("replicas differ");
        }
      }
      leaves.add(
          new Leaf(iova, address & -size, Long.numberOfTrailingZeros(size), allowed, entry, level));
      i += slots - 1;
    }
  }
}
