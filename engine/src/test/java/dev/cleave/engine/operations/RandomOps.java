package dev.cleave.engine.operations;

import dev.cleave.engine.operations.Op.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Makes operations for a window such that they meet each other, and that pages can be large. */
final class RandomOps {
  private RandomOps() {}

  static List<Op> of(Window window, int steps, Random random) {
    List<Op> ops = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      ops.add(one(window, random));
    }
    return ops;
  }

  private static Op one(Window window, Random random) {
    Kind[] kinds = Kind.values();
    Kind kind = random.nextInt(5) == 0 ? Kind.MAP : kinds[random.nextInt(kinds.length)];
    if (kind == Kind.CLEAR && random.nextInt(4) != 0) {
      kind = Kind.MERGE;
    }
    if (kind == Kind.SCATTER && window.unitLog2() != 12) {
      kind = Kind.MAP;
    }
    boolean rmp =
        switch (kind) {
          case MAP_RMP, FIT, SHARE, UNSHARE, LARGE -> true;
          default -> false;
        };
    if (rmp && !window.hasRmp()) {
      kind = Kind.MAP;
      rmp = false;
    }
    int at = random.nextInt(window.units());
    int most = window.units() - at;
    int count = 1 + random.nextInt(random.nextBoolean() ? most : Math.min(most, 20));
    if (random.nextInt(3) == 0) { // aligned pieces, so that something can be large
      int align = 1 << random.nextInt(11);
      at = at / align * align;
      count = Math.min(window.units() - at, Math.max(align, count / align * align));
    }
    if (rmp && window.unitLog2() == 21) {
      count = Math.min(count, 8); // each may take 512 leaves
    }
    int[] accesses = window.kind().accesses();
    int access = accesses[random.nextInt(accesses.length)];
    long value =
        switch (kind) {
          case MAP, MAP_RMP -> paddrUnit(window, random, at);
          case SCATTER -> random.nextInt(1 << 20);
          case SPLIT, MERGE, TRACK -> size(window, random);
          default -> random.nextInt(2);
        };
    int freePages = random.nextInt(4) == 0 ? random.nextInt(4) : -1;
    return new Op(kind, at, count, value, access, freePages);
  }

  /**
   * Mostly such that iova and paddr agree in their low bits, and neighbours go on where they end.
   */
  private static long paddrUnit(Window window, Random random, int at) {
    long limit = 1L << (51 - window.unitLog2());
    long base = window.base() >>> window.unitLog2();
    return switch (random.nextInt(6)) {
      case 0 -> random.nextLong(limit - window.units());
      case 1 -> at + random.nextInt(8);
      default -> ((base & (1L << 11) - 1) + at) & limit - 1;
    };
  }

  private static int size(Window window, Random random) {
    int size = window.unitLog2() + random.nextInt(12);
    while (size > 51 || (window.pageSizes() & 1L << size) == 0 || size < window.unitLog2()) {
      size = window.unitLog2() + random.nextInt(12);
    }
    return size;
  }
}
