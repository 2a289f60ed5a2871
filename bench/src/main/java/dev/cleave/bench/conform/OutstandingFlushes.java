package dev.cleave.bench.conform;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * What operations of a domain owe and nobody has flushed yet, in the order of the operations; and
 * what each of them found, since a device may still see that. Belongs to one case.
 */
final class OutstandingFlushes {
  private final PageTable table;
  private final Deque<Owed> owed = new ArrayDeque<>();
  private final Deque<IotlbGather> free = new ArrayDeque<>();

  /**
   * What an operation owes.
   *
   * @param gather sealed
   * @param before what was asked for before it
   */
  record Owed(IotlbGather gather, RequestedMappings before) {}

  OutstandingFlushes(PageTable table) {
    this.table = table;
  }

  /** A gather that owes nothing. */
  IotlbGather gather() {
    return free.isEmpty() ? table.newGather() : free.remove();
  }

  /** An operation is done, whose flush is for later. */
  void add(IotlbGather gather, RequestedMappings before) {
    gather.seal();
    owed.add(new Owed(gather, before));
  }

  int size() {
    return owed.size();
  }

  /** Takes the oldest, which are to be flushed in this order and given to {@link #completed}. */
  List<Owed> takeOldest(int count) {
    List<Owed> oldest = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      oldest.add(owed.remove());
    }
    return oldest;
  }

  /** A gather is complete. */
  void completed(IotlbGather gather) {
    free.add(gather);
  }

  /** What was asked for before each of the operations. */
  List<RequestedMappings> before() {
    return owed.stream().map(Owed::before).toList();
  }
}
