package dev.cleave.engine.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Every kernel over every shape that tables and bitmaps have, on memory of its own. */
final class KernelExercise implements AutoCloseable {
  private static final int[] COUNTS = {65, 64, 33, 17, 16, 9, 3, 1};
  private static final int MAX_REPLICAS_LOG2 = 9;
  private static final int WORDS = 512;
  private static final long BYTES = (long) WORDS * Long.BYTES;
  private static final long FIRST = 0x1000_0000_0000_0001L;
  private static final long STEP = 0x1000;
  private static final long STATUS = 0x60;

  private final Arena arena = Arena.ofShared();
  private final MemorySegment words = arena.allocate(BYTES, BYTES);
  private final GatheredBits found = new GatheredBits();
  private long sum;

  /** Runs all kernels once over all shapes. */
  void run(TableKernels kernels) {
    for (int count : COUNTS) {
      for (int replicasLog2 = 0; replicasLog2 <= MAX_REPLICAS_LOG2; replicasLog2++) {
        progression(kernels, count, replicasLog2);
      }
      masks(kernels, count);
      regions(kernels, count / TableKernels.REGION_WORDS);
    }
  }

  /** Alike but for one word, which is one of the first, and of the last. */
  private void progression(TableKernels kernels, int count, int replicasLog2) {
    kernels.fill(words, 0, count, FIRST, STEP, replicasLog2);
    sum += kernels.progressionBits(words, 0, count, FIRST, STEP, replicasLog2, STATUS);
    sum += kernels.progressionBits(words, 0, count, STEP, STEP, replicasLog2, STATUS);
    words.set(PlainKernels.WORD, 8L * (count - 1), 0);
    sum += kernels.progressionBits(words, 0, count, FIRST, STEP, replicasLog2, STATUS);
  }

  private void masks(TableKernels kernels, int count) {
    for (long value = 0; value <= 1; value++) {
      kernels.replicate(words, 0, count, value);
      for (long last = 0; last <= 1; last++) {
        words.set(PlainKernels.WORD, 8L * (count - 1), last);
        sum += kernels.anyHas(words, 0, count, 1) ? 1 : 0;
        sum += kernels.countAny(words, 0, count, 1);
        sum += kernels.countAny(words, 0, count, STATUS);
        sum += kernels.or(words, 0, count);
        kernels.gather(words, 0, count, 1, found, 0);
        sum += found.from(0);
      }
    }
    kernels.gatherTables(words, 0, 0, 1, 1, found, 0, WORDS);
    sum += found.from(0) + found.from(WORDS);
    kernels.zero(words, 0, count);
  }

  private void regions(TableKernels kernels, int regions) {
    int count = regions * TableKernels.REGION_WORDS;
    for (long value = -1; value <= 1; value++) {
      kernels.replicate(words, 0, count, value);
      sum += kernels.uniformRegions(words, 0, regions, -1, -1);
      sum += kernels.uniformRegions(words, 0, Math.min(regions, 1), -1, 0);
    }
  }

  /** What all kernels answered, summed up: the same for every implementation. */
  long sum() {
    return sum;
  }

  @Override
  public void close() {
    arena.close();
  }
}
