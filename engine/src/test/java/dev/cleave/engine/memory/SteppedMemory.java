package dev.cleave.engine.memory;

/**
 * Table memory that calls a hook after every single store, so that a walker can look in between.
 * Bulk writes become single stores.
 */
public final class SteppedMemory extends TableMemory {
  private Runnable afterStore = () -> {};
  private Runnable beforeCompareAndSet = () -> {};

  /**
   * Reserves memory.
   *
   * @param bytes its size
   * @param base physical address of its first byte
   */
  public SteppedMemory(long bytes, long base) {
    super(Words.reserve(bytes), base, new PagePool(bytes, bytes, true));
  }

  /**
   * Sets the hook.
   *
   * @param hook what to call after every store
   */
  public void afterStore(Runnable hook) {
    afterStore = hook;
  }

  /**
   * Sets another hook, for what happens between the look at an entry and its replacement.
   *
   * @param hook what to call before every compare-and-set
   */
  public void beforeCompareAndSet(Runnable hook) {
    beforeCompareAndSet = hook;
  }

  @Override
  public void store(long entry, long bits) {
    super.store(entry, bits);
    afterStore.run();
  }

  @Override
  public long exchange(long entry, long bits) {
    long old = super.exchange(entry, bits);
    afterStore.run();
    return old;
  }

  @Override
  public boolean compareAndSet(long entry, long expected, long bits) {
    beforeCompareAndSet.run();
    boolean done = super.compareAndSet(entry, expected, bits);
    afterStore.run();
    return done;
  }

  @Override
  public void or(long entry, long bits) {
    super.or(entry, bits);
    afterStore.run();
  }

  @Override
  public void clear(long entry, long bits) {
    super.clear(entry, bits);
    afterStore.run();
  }

  @Override
  public void fill(long table, int index, int count, long first, long step, int replicasLog2) {
    for (int i = 0; i < count; i++) {
      store(entryAt(table, index + i), first + (i >> replicasLog2) * step);
    }
  }

  @Override
  public void zero(long table, int index, int count) {
    for (int i = 0; i < count; i++) {
      store(entryAt(table, index + i), 0);
    }
  }
}
