package dev.cleave.engine.oracle;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.memory.TablePages;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Reads tables as hardware would, with its own reading of the specification: every number in the
 * two subclasses is written down again from {@code docs/spec/amd-vi.md} §1 and §2 and shared with
 * no main code.
 */
public abstract class SpecWalker {
  /** What a walk finds where nothing is mapped. */
  public static final long HOLE = -1;

  /** Reads, writes and no instructions, as {@link Leaf#permissions} has them. */
  private static final int READ_WRITE = 3;

  private static final int NO_EXECUTE = 8;

  /**
   * A leaf, found by its first slot.
   *
   * @param iova its first address
   * @param paddr where that leads
   * @param sizeLog2 logarithm of its bytes
   * @param permissions 1 reads, 2 writes, 8 no instructions
   * @param entry the bits of its first slot
   * @param level hardware level of the table that it stands in
   */
  public record Leaf(long iova, long paddr, int sizeLog2, int permissions, long entry, int level) {
    /** {@return its last address} */
    public long last() {
      return iova + (1L << sizeLog2) - 1;
    }
  }

  /**
   * What a present entry says.
   *
   * @param address of the page or the table
   * @param sizeLog2 logarithm of the bytes of a leaf, 0 for a directory
   * @param permissions as those of a {@link Leaf}
   */
  public record Entry(long address, int sizeLog2, int permissions) {
    /** {@return whether it is no directory} */
    public boolean isLeaf() {
      return sizeLog2 != 0;
    }
  }

  /**
   * An entry's place.
   *
   * @param paddr its address
   * @param level hardware level of the table around it
   */
  public record Slot(long paddr, int level) {}

  private final TablePages pages;
  private final boolean signExtended;

  private SpecWalker(TablePages pages, boolean signExtended) {
    this.pages = pages;
    this.signExtended = signExtended;
  }

  private static SpecWalker of(TablePages pages, PageTableConfig config) {
    return switch (config.format()) {
      case AmdV1 _ -> new V1Walker(pages);
      case X86 _ -> new X86Walker(pages, config.signExtended());
    };
  }

  /**
   * Makes one for the format of a table.
   *
   * @param pages the memory that it reads
   * @param table whose format it is to know
   * @return a walker
   */
  public static SpecWalker of(TablePages pages, PageTable table) {
    return of(pages, table.config());
  }

  /**
   * Reads a present entry; fails where hardware would, or where Linux would write another.
   *
   * @param entry its bits
   * @param level hardware level of the table that it stands in
   * @return what it says
   */
  public abstract Entry read(long entry, int level);

  /**
   * {@return whether a table of so many levels decodes an address}
   *
   * @param levels number of levels
   * @param iova any address
   */
  public boolean decodes(int levels, long iova) {
    return iova == extended(levels, iova);
  }

  /** The iova that the bits which a table decodes stand for. */
  private long extended(int levels, long bits) {
    int above = 64 - (12 + 9 * levels);
    if (above <= 0) {
      return bits;
    }
    return signExtended ? bits << above >> above : bits << above >>> above;
  }

  private static int both(int outer, int inner) {
    return (outer & inner & READ_WRITE) | ((outer | inner) & NO_EXECUTE);
  }

  private static long slot(long table, int level, long iova) {
    return table + 8 * ((iova >>> (12 + 9 * (level - 1))) & 511);
  }

  /**
   * Translates as hardware does.
   *
   * @param root of the table
   * @param levels of the table
   * @param iova any address
   * @return the page with permissions in the low bits, or {@link #HOLE}
   */
  public long walk(long root, int levels, long iova) {
    if (!decodes(levels, iova)) {
      return HOLE;
    }
    long table = root;
    int permissions = READ_WRITE;
    for (int level = levels; level >= 1; level--) {
      long bits = pages.loadAcquire(slot(table, level, iova));
      if ((bits & 1) == 0) {
        return HOLE;
      }
      Entry entry = read(bits, level);
      permissions = both(permissions, entry.permissions());
      if (entry.isLeaf()) {
        return entry.address() | (iova & ((1L << entry.sizeLog2()) - 1) & ~4095L) | permissions;
      }
      table = entry.address();
    }
    throw new AssertionError("a directory at level 1");
  }

  /**
   * The leaf entry that a walk to an address meets; there is one.
   *
   * @param table to walk
   * @param iova an address that is mapped
   * @return where the entry stands
   */
  public Slot slotOf(PageTable table, long iova) {
    long in = table.root();
    for (int level = table.levels(); ; level--) {
      long at = slot(in, level, iova);
      long bits = pages.loadAcquire(at);
      if ((bits & 1) == 0) {
        throw new AssertionError("a gap");
      }
      Entry entry = read(bits, level);
      if (entry.isLeaf()) {
        return new Slot(at, level);
      }
      in = entry.address();
    }
  }

  /** Number of slots that hold a leaf found at a level. */
  int replicas(long leaf, int level) {
    return 1 << (read(leaf, level).sizeLog2() - (12 + 9 * (level - 1)));
  }

  /**
   * Reads the whole table. Checks that no table but the top is empty, that the counts that the pool
   * keeps are right, and that replicas agree but for A and D.
   *
   * @param root of the table
   * @param levels of the table
   * @return its leaves, ascending
   */
  public List<Leaf> leaves(long root, int levels) {
    List<Leaf> leaves = new ArrayList<>();
    Set<Long> seen = new HashSet<>();
    top = levels;
    collect(root, levels, 0, READ_WRITE, leaves, seen);
    tables = seen;
    return leaves;
  }

  private Set<Long> tables = Set.of();

  private int top;

  /** {@return the tables that the last call of {@link #leaves} went through} */
  public Set<Long> tables() {
    return tables;
  }

  private void collect(
      long table, int level, long base, int permissions, List<Leaf> leaves, Set<Long> seen) {
    if (!seen.add(table)) {
      throw new AssertionError("a table is reached twice");
    }
    long slotSize = 1L << (12 + 9 * (level - 1));
    int live = 0;
    for (int i = 0; i < 512; i++) {
      live += (int) (pages.loadAcquire(table + 8L * i) & 1);
    }
    if (pages.live(table) != live) {
      throw new AssertionError("%d entries, counted %d".formatted(live, pages.live(table)));
    }
    if (live == 0 && seen.size() > 1 && !pages.isHeld(table)) {
      throw new AssertionError("an empty table at level " + level);
    }
    for (int i = 0; i < 512; i++) {
      long bits = pages.loadAcquire(table + 8L * i);
      if ((bits & 1) == 0) {
        continue;
      }
      Entry entry = read(bits, level);
      long iova = extended(top, base + i * slotSize);
      int allowed = both(permissions, entry.permissions());
      if (!entry.isLeaf()) {
        collect(entry.address(), level - 1, iova, allowed, leaves, seen);
        continue;
      }
      int slots = replicas(bits, level);
      if (i % slots != 0) {
        throw new AssertionError("a sized leaf begins at slot " + i);
      }
      for (int replica = 1; replica < slots; replica++) {
        long other = pages.loadAcquire(table + 8L * (i + replica));
        if (((other ^ bits) & ~0x60L) != 0) {
          throw new AssertionError("replicas differ");
        }
      }
      leaves.add(new Leaf(iova, entry.address(), entry.sizeLog2(), allowed, bits, level));
      i += slots - 1;
    }
  }

  /** {@code docs/spec/amd-vi.md} §1. */
  private static final class V1Walker extends SpecWalker {
    V1Walker(TablePages pages) {
      super(pages, false);
    }

    @Override
    public Entry read(long entry, int level) {
      int nextLevel = (int) (entry >>> 9 & 7);
      long address = entry & 0x000FFFFFFFFFF000L;
      int permissions = (int) (entry >>> 61 & 3);
      if ((entry & (0x7FL << 52)) != 0) {
        throw new AssertionError("reserved bits set: " + Long.toHexString(entry));
      }
      if (nextLevel >= 1 && nextLevel <= 6) {
        if (nextLevel != level - 1) {
          throw new AssertionError("level skipped: " + Long.toHexString(entry));
        }
        return new Entry(address, 0, permissions);
      }
      if (nextLevel == 0 && (level == 4 || level == 6)) {
        throw new AssertionError("no leaf of its own size at level " + level);
      }
      if ((entry >>> 60 & 1) == 0) {
        throw new AssertionError("a leaf without FC: " + Long.toHexString(entry));
      }
      int sizeLog2 = sizeLog2(level, nextLevel, address);
      return new Entry(address & -(1L << sizeLog2), sizeLog2, permissions);
    }

    private static int sizeLog2(int level, int nextLevel, long address) {
      if (nextLevel == 0) {
        return 12 + 9 * (level - 1);
      }
      int zero = 12;
      while ((address >>> zero & 1) != 0) {
        zero++;
      }
      int log2 = zero + 1;
      if ((log2 - 12) / 9 + 1 != level || log2 == 39 || log2 > 51) {
        throw new AssertionError("a leaf of 2^%d at level %d".formatted(log2, level));
      }
      return log2;
    }
  }

  /** {@code docs/spec/amd-vi.md} §2. */
  private static final class X86Walker extends SpecWalker {
    X86Walker(TablePages pages, boolean signExtended) {
      super(pages, signExtended);
    }

    @Override
    public Entry read(long entry, int level) {
      boolean hasSizeBit = (entry & 0x80) != 0;
      boolean isLeaf = level == 1 || hasSizeBit;
      if (hasSizeBit && level != 2 && level != 3) {
        throw new AssertionError("PS or PAT at level %d: %x".formatted(level, entry));
      }
      if ((entry & 0x7FF0_0000_0000_0F18L) != 0 || (entry & 4) == 0) {
        throw new AssertionError("bits that Linux writes otherwise: " + Long.toHexString(entry));
      }
      if (!isLeaf && ((entry & 2) == 0 || (entry & 0x40) != 0 || entry < 0)) {
        throw new AssertionError("an odd directory: " + Long.toHexString(entry));
      }
      int permissions = 1 | (int) (entry & 2) | (entry < 0 ? 8 : 0);
      long address = entry & 0x000FFFFFFFFFF000L;
      int sizeLog2 = isLeaf ? new int[] {12, 21, 30}[level - 1] : 0;
      if (isLeaf && (address & (1L << sizeLog2) - 1) != 0) {
        throw new AssertionError("address bits below the size: " + Long.toHexString(entry));
      }
      return new Entry(address, sizeLog2, permissions);
    }
  }
}
