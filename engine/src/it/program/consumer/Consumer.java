package consumer;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpBitmap;

/** Somebody's program: it maps, splits, fits, merges and translates, and prints what it sees. */
public final class Consumer {
  private static final long GIB = 1L << 30;
  private static final long GUEST = GIB;
  private static final long HOST = 4 * GIB;
  private static final long SHARED = 0x200000L;

  private Consumer() {}

  /**
   * Does it.
   *
   * @param arguments none
   */
  public static void main(String[] arguments) {
    try (TableMemory memory = TableMemory.builder().capacityBytes(1L << 24).build();
        PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX));
        RmpBitmap rmp = new RmpBitmap(2 * GIB)) {
      IotlbGather gather = table.newGather();

      table.map(GUEST, HOST, GIB, Access.READ_WRITE);
      print("map", table);

      table.split(GUEST + SHARED, 4096, 12, gather);
      flush(gather);
      print("split", table);

      rmp.setLarge(GUEST, GIB, true);
      rmp.setLarge(GUEST + SHARED, SHARED, false);
      rmp.share(GUEST + SHARED, 4096);
      table.fit(GUEST, GIB, rmp.rule(), gather);
      flush(gather);
      print("fit", table);

      table.merge(GUEST, GIB, 30, gather);
      flush(gather);
      print("merge", table);
    }
  }

  /** Here a device's IOTLB would be flushed. */
  private static void flush(IotlbGather gather) {
    gather.forEachBlock(
        (iova, sizeLog2) -> System.out.printf("flush 0x%x, 2^%d bytes%n", iova, sizeLog2));
    gather.complete();
  }

  private static void print(String step, PageTable table) {
    int leaves = 0;
    for (var leaf = table.leaves(); leaf.advance(); ) {
      leaves++;
    }
    System.out.printf(
        "%s: %d leaves, translates to 0x%x%n",
        step, leaves, table.translate(GUEST + SHARED + 0x123));
  }
}
