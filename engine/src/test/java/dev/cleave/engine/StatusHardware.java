package dev.cleave.engine;

import dev.cleave.engine.memory.TableMemory;

/**
 * Hardware that sets status bits, with its own reading of {@code spec/amd-vi.md} §1: in the entry
 * that it meets on the way from the top, in another replica of that leaf, or in an entry of a table
 * that it remembers from before.
 */
final class StatusHardware {
  static final long ACCESSED = 1L << 5;
  static final long DIRTY = 1L << 6;

  private final TableMemory memory;
  private final PageTable table;

  StatusHardware(TableMemory memory, PageTable table) {
    this.memory = memory;
    this.table = table;
  }

  /** Physical address of the leaf entry that a walk to an address meets. */
  long entryOf(long iova) {
    long in = table.root();
    for (int level = table.levels(); ; level--) {
      long at = in + 8 * (iova >>> (12 + 9 * (level - 1)) & 511);
      long entry = memory.load(at);
      if (isLeaf(entry)) {
        return at;
      }
      in = entry & 0x000FFFFFFFFFF000L;
    }
  }

  private static boolean isLeaf(long entry) {
    if ((entry & 1) == 0) {
      throw new AssertionError("a gap");
    }
    long nextLevel = entry >>> 9 & 7;
    return nextLevel == 0 || nextLevel == 7;
  }

  /** Number of slots that hold the leaf. */
  private static int replicas(long entry) {
    if ((entry >>> 9 & 7) == 0) {
      return 1;
    }
    int zero = 12;
    while ((entry >>> zero & 1) != 0) {
      zero++;
    }
    return 1 << (zero + 1 - 12) % 9;
  }

  private static long firstReplica(long at, int replicas) {
    return at & ~(8L * replicas - 1);
  }

  /** Sets bits in the entry that a walk meets. */
  void set(long iova, long bits) {
    memory.or(entryOf(iova), bits);
  }

  /** Sets bits in one of the slots that hold the same leaf as the one that a walk meets. */
  void setInReplica(long iova, int which, long bits) {
    long met = entryOf(iova);
    long entry = memory.load(met);
    int replicas = replicas(entry);
    long at = firstReplica(met, replicas) + 8L * (which % replicas);
    boolean isSame = ((memory.load(at) ^ entry) & ~(ACCESSED | DIRTY)) == 0;
    memory.or(isSame ? at : met, bits);
  }

  /** Sets bits where a walker that remembers the table of an entry finds it, if it is a leaf. */
  boolean setRemembered(long at, long bits) {
    long entry = memory.load(at);
    if ((entry & 1) == 0 || !isLeaf(entry)) {
      return false;
    }
    memory.or(at, bits);
    return true;
  }

  /** The status bits of the leaf around an address: those of any of its replicas. */
  long status(long iova) {
    long met = entryOf(iova);
    int replicas = replicas(memory.load(met));
    long bits = 0;
    for (int i = 0; i < replicas; i++) {
      bits |= memory.load(firstReplica(met, replicas) + 8L * i);
    }
    return bits & (ACCESSED | DIRTY);
  }
}
