package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;

/**
 * The strict mode: flags an entry that was replaced while hardware may have held it. Two old
 * reports have it that an entry must be made not present and flushed before it may become something
 * else; real hardware and both large drivers live without that, so it is off by default.
 *
 * <p>What a walk read is remembered until it is flushed. If a later walk, or the flush, finds the
 * entry present and with another level or address, it was replaced live. Host tables only: of guest
 * tables nobody reports such a demand.
 *
 * <p>For the hardware's thread only; allocates.
 */
final class ReplacementWatch {
  private record Held(long tag, long iova, int coverLog2, long meaning) {}

  private final PhysicalMemory memory;
  private final Statistics statistics;
  private final Map<Long, Held> held = new HashMap<>();

  ReplacementWatch(PhysicalMemory memory, Statistics statistics) {
    this.memory = memory;
    this.statistics = statistics;
  }

  /** A walk read a present entry. */
  void walked(long tag, long iova, long at, int level, long entry) {
    int coverLog2 = HostEntry.coverLog2(level);
    Held now = new Held(tag, iova, coverLog2, HostEntry.meaning(entry));
    Held before = held.put(at, now);
    if (before != null && before.meaning() != now.meaning()) {
      flag(at);
    }
  }

  /** A range is flushed: what lies inside is no longer held. */
  void flushed(long tag, long start, int rangeLog2) {
    for (Iterator<Map.Entry<Long, Held>> all = held.entrySet().iterator(); all.hasNext(); ) {
      Map.Entry<Long, Held> one = all.next();
      Held was = one.getValue();
      boolean inside =
          (was.tag() & CacheTag.DIRECTORY_MASK) == tag
              && (rangeLog2 >= Long.SIZE
                  || (was.coverLog2() <= rangeLog2 && (was.iova() ^ start) >>> rangeLog2 == 0));
      if (inside) {
        compare(one.getKey(), was);
        all.remove();
      }
    }
  }

  /** Everything is flushed. */
  void flushedAll() {
    held.forEach(this::compare);
    held.clear();
  }

  /** An entry was exchanged with all DMA stalled. */
  void exchanged(long at) {
    held.remove(at);
  }

  private void compare(long at, Held was) {
    long entry = memory.getLongOr(at, 0);
    if ((entry & HostEntry.PRESENT) != 0 && HostEntry.meaning(entry) != was.meaning()) {
      flag(at);
    }
  }

  private void flag(long at) {
    statistics.liveReplacements++;
    statistics.lastLiveReplacement = at;
  }
}
