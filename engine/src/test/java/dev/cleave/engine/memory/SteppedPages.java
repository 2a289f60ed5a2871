package dev.cleave.engine.memory;

/**
 * Table memory that calls a hook after every single store, so that a walker can look in between.
 * Bulk writes become single stores.
 */
public final class SteppedPages extends TablePages {
  private Runnable afterStore = () -> {};
  private Runnable beforeCompareAndSet = () -> {};

  /**
   * Reserves memory.
   *
   * @param bytes its size
   * @param base physical address of its first byte
   */
  public SteppedPages(long bytes, long base) {
    super(TablePages.reserve(bytes, bytes, base, false));
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
  public void storeRelease(long slot, long bits) {
    super.storeRelease(slot, bits);
    afterStore.run();
  }

  @Override
  public long exchange(long slot, long bits) {
    long old = super.exchange(slot, bits);
    afterStore.run();
    return old;
  }

  @Override
  public boolean compareAndSet(long slot, long expected, long bits) {
    beforeCompareAndSet.run();
    boolean done = super.compareAndSet(slot, expected, bits);
    afterStore.run();
    return done;
  }

  @Override
  public void or(long slot, long bits) {
    super.or(slot, bits);
    afterStore.run();
  }

  @Override
  public void clear(long slot, long bits) {
    super.clear(slot, bits);
    afterStore.run();
  }

  @Override
  public void fill(long table, int index, int count, long first, long step, int replicasLog2) {
    for (int i = 0; i < count; i++) {
      storeRelease(slotAt(table, index + i), first + (i >> replicasLog2) * step);
    }
  }

  @Override
  public void zero(long table, int index, int count) {
    for (int i = 0; i < count; i++) {
      storeRelease(slotAt(table, index + i), 0);
    }
  }
}
