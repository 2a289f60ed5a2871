package dev.cleave.engine.rmp;

import static dev.cleave.engine.rmp.FakeRmp.REGION;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.fixture.TableKind;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.engine.rmp.RmpFollower.Order;
import java.util.ArrayList;
import java.util.List;

/**
 * A guest that begins private in 2 MiB entries, mapped with the largest leaves in one table or in
 * several, and a follower of them all.
 */
final class FollowedGuest implements AutoCloseable {
  static final long PADDR = 1L << 40;

  /** How far guest memory lies from where the iovas of one more table begin. */
  private static final long STEP = 3L << 30;

  final TablePages pages = TablePages.reserve(64L << 20, 64L << 20, 1L << 32, false);
  final TableMemory memory = TableMemory.of(pages);
  final RmpBitmap bitmap;
  final FakeRmp rmp;
  final List<FollowedTable> tables = new ArrayList<>();
  final RmpFollower follower;

  /** What one of its tables is like, and where it lies in that. */
  private record Place(PageTableConfig config, long guestIova) {}

  /** A guest in one table, at its own addresses. */
  FollowedGuest(PageTableConfig config, long guestBytes, Order order, boolean isLazy) {
    this(config, 0, guestBytes, order, isLazy);
  }

  /** A guest in one table, from an iova on. */
  FollowedGuest(
      PageTableConfig config, long guestIova, long guestBytes, Order order, boolean isLazy) {
    this(guestBytes, order, isLazy, List.of(new Place(config, guestIova)));
  }

  /** A guest in a table of each kind, in the first at its own addresses if it has these. */
  FollowedGuest(List<TableKind> kinds, long guestBytes, Order order, boolean isLazy) {
    this(guestBytes, order, isLazy, places(kinds));
  }

  private FollowedGuest(long guestBytes, Order order, boolean isLazy, List<Place> places) {
    bitmap = new RmpBitmap(guestBytes);
    bitmap.setLarge(0, guestBytes, true);
    rmp = new FakeRmp(guestBytes);
    for (Place place : places) {
      PageTable table = PageTable.create(memory, place.config());
      SizeRule rule = bitmap.ruleAt(-place.guestIova());
      table.map(place.guestIova(), PADDR, guestBytes, Access.READ_WRITE, rule);
      tables.add(new FollowedTable(table, place.guestIova()));
    }
    follower =
        new RmpFollower(tables, bitmap, rmp, (_, _) -> rmp.calls.add("flush"), order, isLazy);
  }

  private static List<Place> places(List<TableKind> kinds) {
    List<Place> places = new ArrayList<>();
    for (TableKind kind : kinds) {
      places.add(new Place(kind.config(), kind.base() + STEP * places.size()));
    }
    return places;
  }

  /** Fails unless every leaf is legal and the bitmap knows what is. */
  void check() {
    tables.forEach(rmp::checkLeaves);
    rmp.checkBitmap(bitmap);
  }

  /** All leaves of all tables, as text. */
  List<String> leaves() {
    List<String> leaves = new ArrayList<>();
    for (FollowedTable followed : tables) {
      LeafCursor leaf = followed.table().leaves();
      while (leaf.advance()) {
        leaves.add(
            "0x%x 2^%d -> 0x%x %d"
                .formatted(leaf.iova(), leaf.sizeLog2(), leaf.paddr(), leaf.access()));
      }
    }
    return leaves;
  }

  /** Whether every table has a leaf of at least 2 MiB there. */
  boolean isLarge(long gpa) {
    return tables.stream().allMatch(table -> leafBytes(table, gpa) >= REGION);
  }

  /** Whether no table has a leaf of 2 MiB there, or a larger one. */
  boolean isSmall(long gpa) {
    return tables.stream().allMatch(table -> leafBytes(table, gpa) < REGION);
  }

  private static long leafBytes(FollowedTable followed, long gpa) {
    LeafCursor leaf = followed.table().leaves();
    return followed.table().leafAt(gpa + followed.guestIova(), leaf) ? 1L << leaf.sizeLog2() : 0;
  }

  /** Takes guest memory out of the last of the tables. */
  void unmap(long gpa, long length) {
    FollowedTable followed = tables.getLast();
    IotlbGather gather = followed.table().newGather();
    followed.table().unmap(gpa + followed.guestIova(), length, gather);
    gather.complete();
  }

  @Override
  public void close() {
    follower.close();
    tables.forEach(followed -> followed.table().close());
    bitmap.close();
    memory.close();
  }
}
