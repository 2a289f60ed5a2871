package dev.cleave.engine.oracle;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.memory.TablePages;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.LongStream;

/**
 * Everything a refused operation must leave alone: the top, every entry of every table, the pages
 * in use, and what the gather owes.
 *
 * @param top root and levels
 * @param tables the entries of each table, as text, by its address
 * @param usedBytes bytes of table pages in use
 * @param ranges number of ranges that the gather owes
 * @param detachedPages table pages that wait for it
 */
public record TableSnapshot(
    long top, Map<Long, String> tables, long usedBytes, int ranges, long detachedPages) {

  /**
   * Takes one.
   *
   * @param pages the memory
   * @param table what lies in it
   * @param gather what is owed
   * @return how it all is now
   */
  public static TableSnapshot of(TablePages pages, PageTable table, IotlbGather gather) {
    SpecWalker walker = SpecWalker.of(pages, table);
    walker.leaves(table.root(), table.levels());
    Map<Long, String> tables = new TreeMap<>();
    for (long page : walker.tables()) {
      long[] entries = LongStream.range(0, 512).map(i -> pages.loadAcquire(page + 8 * i)).toArray();
      tables.put(page, Arrays.toString(entries));
    }
    return new TableSnapshot(
        table.top(), tables, pages.usedBytes(), gather.rangeCount(), gather.tablePages());
  }
}
