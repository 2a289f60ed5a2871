package dev.cleave.bench.stability;

import dev.cleave.engine.kernel.GatheredBits;
import dev.cleave.engine.kernel.Kernels;
import dev.cleave.engine.kernel.TableKernels;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** The kernels over one table, or over the replicas of a sized leaf, in the first cache. */
final class KernelWorks {
  private static final TableKernels KERNELS = Kernels.chosen();
  private static final int TABLE = 512;
  private static final int REPLICAS = 16;
  private static final int REPLICAS_LOG2 = 4;
  private static final long MASK = 1;
  private static final long STATUS = 0x60;
  private static final long STEP = 0x1000;

  private final MemorySegment words = Arena.ofAuto().allocate(8L * TABLE, 4096);
  private final GatheredBits found = new GatheredBits();
  private final MemorySegment zeros = Arena.ofAuto().allocate(8L * TABLE, 4096);

  /** What is read is equal everywhere, so that nothing ends early. */
  List<Work> all() {
    return List.of(
        new Work("kernel: write a table") {
          @Override
          long run(int times) {
            for (int i = 0; i < times; i++) {
              KERNELS.fill(words, 0, TABLE, i, STEP, 0);
            }
            return times;
          }
        },
        new Work("kernel: write a table of sized leaves") {
          @Override
          long run(int times) {
            for (int i = 0; i < times; i++) {
              KERNELS.fill(words, 0, TABLE, i, STEP, REPLICAS_LOG2);
            }
            return times;
          }
        },
        new Work("kernel: write 16 replicas") {
          @Override
          long run(int times) {
            for (int i = 0; i < times; i++) {
              KERNELS.fill(words, 0, REPLICAS, i, STEP, REPLICAS_LOG2);
            }
            return times;
          }
        },
        new Work("kernel: zero a table") {
          @Override
          long run(int times) {
            for (int i = 0; i < times; i++) {
              KERNELS.zero(words, 0, TABLE);
            }
            return times;
          }
        },
        new Work("kernel: any of a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.anyHas(zeros, 0, TABLE, MASK) ? 1 : 0;
            }
            return sum;
          }
        },
        new Work("kernel: count a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.countAny(zeros, 0, TABLE, MASK);
            }
            return sum;
          }
        },
        new Work("kernel: compare a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.progressionBits(zeros, 0, TABLE, 0, 0, 0, STATUS);
            }
            return sum;
          }
        },
        new Work("kernel: compare 16 replicas") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.progressionBits(zeros, 0, REPLICAS, 0, 0, REPLICAS_LOG2, STATUS);
            }
            return sum;
          }
        },
        new Work("kernel: or a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              sum += KERNELS.or(zeros, 0, TABLE);
            }
            return sum;
          }
        },
        new Work("kernel: gather a table") {
          @Override
          long run(int times) {
            long sum = 0;
            for (int i = 0; i < times; i++) {
              KERNELS.gather(zeros, 0, TABLE, MASK, found, 0);
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
              KERNELS.gatherTables(zeros, 0, 0, 1, MASK, found, 0, TABLE);
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
              sum += KERNELS.uniformRegions(zeros, 0, TABLE / TableKernels.REGION_WORDS, -1, -1);
            }
            return sum;
          }
        });
  }
}
