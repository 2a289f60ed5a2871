package dev.cleave.engine;

import dev.cleave.engine.memory.TablePages;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * Everything a refused operation must leave alone: the top, every entry of every table, the pages
 * in use, and what the gather owes.
 */
record TableSnapshot(
    long top, Map<Long, String> tables, long usedBytes, int ranges, long detachedPages) {

  static TableSnapshot of(TablePages pages, PageTable table, IotlbGather gather) {
    SpecWalker walker = SpecWalker.of(pages, table);
    walker.leaves(table.root(), table.levels());
    Map<Long, String> tables = new TreeMap<>();
    for (long page : walker.tables) {
      long[] entries = LongStream.range(0, 512).map(i -> pages.loadAcquire(page + 8 * i)).toArray();
      tables.put(page, Arrays.toString(entries));
    }
    return new TableSnapshot(
        table.top(), tables, pages.usedBytes(), gather.rangeCount(), gather.tablePages());
  }
}
