package dev.cleave.engine.rmp;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.memory.TableMemory;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.List;

/** A guest that begins private in 2 MiB entries, mapped with the largest leaves, and a follower. */
final class FollowedGuest implements AutoCloseable {
  static final long PADDR = 1L << 40;

  final TableMemory memory = TableMemory.builder().capacityBytes(64L << 20).build();
  final RmpBitmap bitmap;
  final FakeRmp rmp;
  final PageTable table;
  final RmpFollower follower;

  FollowedGuest(PageTableConfig config, long guestBytes, Order order, boolean isLazy) {
    bitmap = new RmpBitmap(guestBytes);
    bitmap.setLarge(0, guestBytes, true);
    rmp = new FakeRmp(guestBytes);
    table = PageTable.create(memory, config);
    table.map(0, PADDR, guestBytes, Access.READ_WRITE, bitmap.rule());
    follower = new RmpFollower(table, bitmap, rmp, (_, _) -> rmp.calls.add("flush"), order, isLazy);
  }

  /** All leaves, as text. */
  List<String> leaves() {
    List<String> leaves = new ArrayList<>();
    LeafCursor leaf = table.leaves();
    while (leaf.advance()) {
      leaves.add(
          "0x%x 2^%d -> 0x%x %d"
              .formatted(leaf.iova(), leaf.sizeLog2(), leaf.paddr(), leaf.access()));
    }
    return leaves;
  }

  int leafLog2(long gpa) {
    LeafCursor leaf = table.leaves();
    return table.leafAt(gpa, leaf) ? leaf.sizeLog2() : -1;
  }

  void unmap(long gpa, long length) {
    IotlbGather gather = table.newGather();
    table.unmap(gpa, length, gather);
    gather.complete();
  }

  @Override
  public void close() {
    follower.close();
    table.close();
    bitmap.close();
    memory.close();
  }
}
