package dev.cleave.engine.memory;

import static dev.cleave.engine.format.Geometry.TABLE_ENTRIES;

import java.lang.foreign.MemorySegment;

/**
 * Table memory in which one thing goes wrong, as a fault in the engine's code would make it go
 * wrong. It stands in the engine's package because nobody else may alter stores.
 */
public final class FaultyMemory extends TableMemory {
  private final EntryFault fault;

  /** What goes wrong with stores. */
  @FunctionalInterface
  public interface EntryFault {
    /**
     * What ends up in an entry.
     *
     * @param index of the entry in its table
     * @param old what stands there
     * @param bits what should be stored
     * @return what is stored
     */
    long stored(int index, long old, long bits);
  }

  /**
   * Table memory over guest memory.
   *
   * @param memory guest memory
   * @param base physical address of its first byte
   * @param fault what goes wrong
   */
  public FaultyMemory(MemorySegment memory, long base, EntryFault fault) {
    super(Words.over(memory), base, new PagePool(memory.byteSize(), memory.byteSize(), false));
    this.fault = fault;
  }

  private long faulty(long entry, long bits) {
    return fault.stored((int) (entry >>> 3) % TABLE_ENTRIES, load(entry), bits);
  }

  @Override
  public void store(long entry, long bits) {
    super.store(entry, faulty(entry, bits));
  }

  @Override
  public long exchange(long entry, long bits) {
    return super.exchange(entry, faulty(entry, bits));
  }

  @Override
  public boolean compareAndSet(long entry, long expected, long bits) {
    return super.compareAndSet(entry, expected, faulty(entry, bits));
  }

  @Override
  public void fill(long table, int index, int count, long first, long step, int replicasLog2) {
    for (int i = 0; i < count; i++) {
      store(entryAt(table, index + i), first + (i >> replicasLog2) * step);
    }
  }

  @Override
  public void zero(long table, int index, int count) {
    if (count == TABLE_ENTRIES) { // a page that is about to become a table
      super.zero(table, index, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      store(entryAt(table, index + i), 0);
    }
  }
}
