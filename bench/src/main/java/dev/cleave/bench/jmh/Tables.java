package dev.cleave.bench.jmh;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.memory.TablePages;
import java.util.Random;

/** What benchmarks are made of. */
final class Tables {
  /** Leaf sizes as bitmaps. */
  static final long SIZES_4K = 1L << 12;

  static final long SIZES_4K_2M = SIZES_4K | 1L << 21;
  static final long SIZES_4K_2M_1G = SIZES_4K_2M | 1L << 30;
  static final long SIZES_ALL = AmdV1.LINUX.leafSizes();

  static final long PAGE_BYTES = 1L << 12;
  static final long GIB = 1L << 30;

  /** What a fork needs that compares with the kernels of the Vector API: it inherits no flag. */
  static final String VECTOR_MODULE = "--add-modules=jdk.incubator.vector";

  /** What every fork needs. */
  static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";

  private static final long SEED = 0x5eed;
  private static final long CAPACITY_BYTES = 16L << 30;

  private Tables() {}

  /** Memory enough for 4 KiB leaves over 4 TiB, as a host would set it up. */
  static TableMemory memory() {
    return TableMemory.builder().capacityBytes(CAPACITY_BYTES).hugePages(true).build();
  }

  /** The same memory for a rival that handles pages by itself. */
  static TablePages pages() {
    return TablePages.reserve(CAPACITY_BYTES, CAPACITY_BYTES, 1L << 32, true);
  }

  /** An empty AMD v1 table as Linux writes them. */
  static PageTable table(TableMemory memory, int levels, long pageSizes) {
    return PageTable.create(
        memory, PageTableConfig.of(AmdV1.LINUX).withLevels(levels).withPageSizes(pageSizes));
  }

  /** The same random numbers in every run. */
  static Random random() {
    return new Random(SEED);
  }

  /** Puts an array in random order. */
  static void shuffle(long[] values) {
    Random random = random();
    for (int i = values.length - 1; i > 0; i--) {
      int other = random.nextInt(i + 1);
      long value = values[i];
      values[i] = values[other];
      values[other] = value;
    }
  }
}
