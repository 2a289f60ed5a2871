package dev.cleave.bench.stability;

import dev.cleave.engine.kernel.GatheredBits;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * The kernels over one table, or over the replicas of a sized leaf, in the first cache. Each time
 * it is another table, as in use: of one and the same, what a call has to check would be checked
 * before the loop wherever C2 inlined the kernel, and not where it did not.
 */
final class KernelWorks {
  private static final TableKernels KERNELS = Kernels.chosen();
  private static final int TABLE = 512;
  private static final int TABLES = 4;
  private static final int REPLICAS = 16;
  private static final int REPLICAS_LOG2 = 4;
  private static final long MASK = 1;
  private static final long STATUS = 0x60;
  private static final long STEP = 0x1000;

  private final MemorySegment words = Arena.ofAuto().allocate(TABLES * 8L * TABLE, 4096);
  private final GatheredBits found = new GatheredBits();
  private final MemorySegment zeros = Arena.ofAuto().allocate(TABLES * 8L * TABLE, 4096);
  private final MemorySegment marked = Arena.ofAuto().allocate(TABLES * 8L * TABLE, 4096);

  /** Marks one word of each table of those that have some, in each another. */
  KernelWorks() {
    for (int i = 0; i < TABLES; i++) {
      marked.set(ValueLayout.JAVA_LONG, table(i) + (8L * TABLE / TABLES + 8) * i + 8, MASK);
    }
  }

  /** Where another table lies. */
  private static long table(int time) {
    return 8L * TABLE * (time & (TABLES - 1));
  }

  /**
   * Where the replicas of another leaf lie: in all places of a table, in turn. A processor takes a
   * load from the same place of a page for one of what is just being stored, and where the objects
   * of the heap lie is luck: always in one place, equal machine code took half as long again in one
   * JVM of thirty.
   */
  private static long leaf(int time) {
    int slot = (time / TABLES) & (TABLE / REPLICAS - 1);
    return table(time) + 8L * REPLICAS * slot;
  }

  /** What is read is equal nearly everywhere, so that nothing ends early. */
  List<Work> all() {
    return List.of(
        new Work("kernel: write a table") {
          @Override
          long run(int times) {
            for (int i = 0; i < times; i++) {
              KERNELS.fill(words, table(i), TABLE, i, STEP, 0);
            }
            return times;
          }
        },
        new Work("kernel: write a table of sized leaves") {
          @Override
          long run(int times) {
            for (int i = 0; i < times; i++) {
              KERNELS.fill(words, table(i), TABLE, i, STEP, REPLICAS_LOG2);
            }
            return times;
          }
        },
        new Work("kernel: write 16 replicas") {
          @Override
          long run(int times) {
            for (int i = 0; i < times; i++) {
              KERNELS.fill(words, leaf(i), REPLICAS, i, STEP, REPLICAS_LOG2);
            }
            return times;
          }
        },
        new Work("kernel: zero a table") {
          @Override
          long run(int times) {
            for (int i = 0; i < times; i++) {
              KERNELS.zero(words, table(i), TABLE);
            }
            return times;
          }
        },
        new Work("kernel: any of a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.anyHas(zeros, table(i), TABLE, MASK) ? 1 : 0;
            }
            return sum;
          }
        },
        new Work("kernel: count a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.countAny(zeros, table(i), TABLE, MASK);
            }
            return sum;
          }
        },
        new Work("kernel: compare a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.progressionBits(zeros, table(i), TABLE, 0, 0, 0, STATUS);
            }
            return sum;
          }
        },
        new Work("kernel: compare 16 replicas") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.progressionBits(zeros, leaf(i), REPLICAS, 0, 0, REPLICAS_LOG2, STATUS);
            }
            return sum;
          }
        },
        new Work("kernel: or a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.or(zeros, table(i), TABLE);
            }
            return sum;
          }
        },
        new Work("kernel: gather a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              KERNELS.gather(zeros, table(i), TABLE, MASK, found, 0);
              sum += found.from(0) + 1;
            }
            return sum;
          }
        },
        new Work("kernel: gather a table with one marked word") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              KERNELS.gather(marked, table(i), TABLE, MASK, found, 0);
              sum += found.from(0) + 1;
            }
            return sum;
          }
        },
        new Work("kernel: gather two tables side by side") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              KERNELS.gatherTables(zeros, table(i), table(i), 1, MASK, found, 0, TABLE);
              sum += found.from(0) + 1;
            }
            return sum;
          }
        },
        new Work("kernel: uniform regions of a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum +=
                  KERNELS.uniformRegions(
                      zeros, table(i), TABLE / TableKernels.REGION_WORDS, -1, -1);
            }
            return sum;
          }
        });
  }
}
