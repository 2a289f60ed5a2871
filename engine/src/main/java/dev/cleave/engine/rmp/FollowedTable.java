package dev.cleave.engine.rmp;

import dev.cleave.engine.PageTable;
import org.jspecify.annotations.Nullable;

/**
 * A table that an {@link RmpFollower} keeps in step with the RMP, and where guest memory lies in
 * it: at its own addresses in a nested table, anywhere in an IOMMU table.
 *
 * @param table the table
 * @param guestIova iova of guest physical address 0, a multiple of 2 MiB
 * @param backing where pages lie that change their state; null if they stay where they are
 */
public record FollowedTable(PageTable table, long guestIova, @Nullable PageBacking backing) {
  /**
   * A table in which pages stay where they are when their state changes.
   *
   * @param table the table
   * @param guestIova iova of guest physical address 0, a multiple of 2 MiB
   */
  public FollowedTable(PageTable table, long guestIova) {
    this(table, guestIova, null);
  }

  /**
   * A table whose iovas are guest physical addresses.
   *
   * @param table the table
   * @return guest memory at 0
   */
  public static FollowedTable of(PageTable table) {
    return new FollowedTable(table, 0);
  }
}
