package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import java.util.List;

/**
 * A directory entry, as the directories file has it.
 *
 * @param site the entry
 * @param nextLevel level of the table that it points at
 * @param next physical address of that table
 * @param note the rule that it breaks, {@code skip} when it skips levels, or nothing
 */
public record DirectoryRow(Site site, int nextLevel, long next, String note) {
  /** The columns of the directories file. */
  public static final List<String> COLUMNS =
      List.of("table", "level", "index", "iova", "raw_hex", "next_level", "next", "note");

  /**
   * The fields of the directories file.
   *
   * @return one for each of {@link #COLUMNS}
   */
  public List<String> fields() {
    return List.of(
        Numbers.hex(site.table()),
        Integer.toString(site.level()),
        Integer.toString(site.index()),
        Numbers.hex(site.iova()),
        Numbers.hex(site.entry()),
        Integer.toString(nextLevel),
        Numbers.hex(next),
        note);
  }
}
