package dev.cleave.bench.footprint;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import dev.cleave.bench.rival.ExtentTable;
import dev.cleave.bench.rival.FlatHash;
import dev.cleave.bench.rival.HeapRadix;
import dev.cleave.bench.rival.RewalkingTable;
import dev.cleave.bench.rival.RivalTable;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.memory.TablePages;
import java.lang.management.ManagementFactory;
import java.lang.ref.Reference;

/** The other structures, and how their memory is measured. */
enum Rivals {
  /** A radix table of arrays. */
  HEAP_RADIX("on-heap long[] radix", false),
  /** A hash with an entry for each page. */
  FLAT_HASH("flat hash", false),
  /** A sorted map with an entry for each run of pages of one state. */
  EXTENT_MAP("extent map", true),
  /** Page table entries of 4 KiB everywhere, as Linux's io-pgtable would have them. */
  REWALKING("re-walking table", false);

  private static final long TABLE_BYTES = 64L << 30;

  private final String word;
  private final boolean seesStates;

  Rivals(String word, boolean seesStates) {
    this.word = word;
    this.seesStates = seesStates;
  }

  String word() {
    return word;
  }

  /** Whether its size depends on which pages are shared. */
  boolean seesStates() {
    return seesStates;
  }

  /** Builds it for a guest and measures it. */
  long measure(Guest guest) {
    if (this == REWALKING) {
      try (TablePages pages = TablePages.reserve(TABLE_BYTES, TABLE_BYTES, 0, false);
          RivalTable table =
              new RewalkingTable(pages, PageCounts.levels(guest.bytes()), 1L << PAGE_LOG2)) {
        fill(table, guest);
        return table.offHeapBytes();
      }
    }
    long before = usedHeap();
    RivalTable table =
        switch (this) {
          case HEAP_RADIX -> new HeapRadix(guest.bytes());
          case FLAT_HASH -> new FlatHash();
          default -> new ExtentTable();
        };
    try {
      fill(table, guest);
      return Math.max(0, usedHeap() - before);
    } finally {
      Reference.reachabilityFence(table);
    }
  }

  private void fill(RivalTable table, Guest guest) {
    if (!seesStates) {
      table.map(0, 0, guest.bytes(), Access.READ_WRITE);
      return;
    }
    long[] next = new long[1];
    guest.forEachSharedRun((gpa, length) -> {
      mapPrivate(table, next[0], gpa);
      table.map(gpa, gpa, length, Access.READ_WRITE);
      next[0] = gpa + length;
    });
    mapPrivate(table, next[0], guest.bytes());
  }

  private static void mapPrivate(RivalTable table, long from, long to) {
    if (from != to) {
      table.map(from, from, to - from, Access.READ_WRITE | Access.ENCRYPTED);
    }
  }

  private static long usedHeap() {
    System.gc(); // what is left after it is what the structures hold
    return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
  }
}
