package dev.cleave.engine.interleaving;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/** Table memories that make the engine do what it must not. */
public final class BrokenPages {
  private BrokenPages() {}

  /** As if a directory were stored without release: it is seen before what it points at. */
  public static final class EarlyPublisher extends ScheduledPages {
    private final Set<Long> unpublished = new HashSet<>();

    /**
     * Memory for one run.
     *
     * @param schedule who decides when an access takes place
     * @param segment zeroed, as for {@link ScheduledPages}
     */
    public EarlyPublisher(Schedule schedule, MemorySegment segment) {
      super(schedule, segment);
    }

    @Override
    public long take(int level, boolean zeroed, long place) {
      long table = super.take(level, zeroed, place);
      unpublished.add(table);
      return table;
    }

    @Override
    public void storeRelease(long slot, long bits) {
      long[] late = hide(bits);
      super.storeRelease(slot, bits);
      show(bits, late);
    }

    @Override
    public long exchange(long slot, long bits) {
      long[] late = hide(bits);
      long old = super.exchange(slot, bits);
      show(bits, late);
      return old;
    }

    private static long table(long bits) {
      return bits & 0x000F_FFFF_FFFF_F000L;
    }

    private long[] hide(long bits) {
      long table = table(bits);
      if ((bits & 1) == 0 || !unpublished.remove(table)) {
        return new long[0];
      }
      long[] entries = new long[512];
      Arrays.setAll(entries, i -> peek(slotAt(table, i)));
      for (int i = 0; i < entries.length; i++) {
        poke(slotAt(table, i), 0);
      }
      return entries;
    }

    private void show(long bits, long[] entries) {
      for (int i = 0; i < entries.length; i++) {
        super.storeRelease(slotAt(table(bits), i), entries[i]);
      }
    }
  }

  /** As if a merge did not look again at the tables that it replaced. */
  public static final class ForgetfulMerger extends ScheduledPages {
    private final Set<Long> abandoned = new HashSet<>();

    /**
     * Memory for one run.
     *
     * @param schedule who decides when an access takes place
     * @param segment zeroed, as for {@link ScheduledPages}
     */
    public ForgetfulMerger(Schedule schedule, MemorySegment segment) {
      super(schedule, segment);
    }

    @Override
    public void abandon(long table, long tag) {
      super.abandon(table, tag);
      abandoned.add(table);
    }

    @Override
    public long orAll(long table) {
      return abandoned.contains(table) ? 0 : super.orAll(table);
    }
  }
}
