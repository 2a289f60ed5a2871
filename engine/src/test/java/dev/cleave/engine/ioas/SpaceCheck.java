package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.cleave.engine.LeafCursor;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** A space compared with its model: areas, iovas, and every leaf of every table. */
final class SpaceCheck {
  private SpaceCheck() {}

  static void all(IoAddressSpace space, SpaceModel model) {
    areas(space, model);
    assertEquals(model.alignment(), space.alignment(), "alignment");
    ranges(space, model);
    List<HardwarePageTable> attached = space.tables();
    assertEquals(model.tables.size(), attached.size());
    for (HardwarePageTable table : attached) {
      leaves(table, model.leaves(table.table().config()));
    }
  }

  /** No leaf of a range is larger than a size, unless the table has none that is not. */
  static void sizes(HardwarePageTable table, long iova, long length, int mostLog2) {
    int granule = Long.numberOfTrailingZeros(table.table().config().pageSizes());
    LeafCursor leaf = table.table().leaves().over(iova, iova + length - 1);
    while (leaf.advance()) {
      if (leaf.sizeLog2() > Math.max(mostLog2, granule)) {
        fail("a leaf of 2^%d at %x".formatted(leaf.sizeLog2(), leaf.iova()));
      }
    }
  }

  private static void areas(IoAddressSpace space, SpaceModel model) {
    List<SpaceModel.Area> found = new ArrayList<>();
    long bytes = 0;
    for (AreaCursor at = space.areas(); at.advance(); ) {
      found.add(
          new SpaceModel.Area(
              at.first(), at.last(), at.backing(), at.offset(), at.access(), at.mayBeWritten()));
      bytes += at.last() - at.first() + 1;
    }
    List<SpaceModel.Area> expected = List.copyOf(model.areas.values());
    if (!expected.equals(found)) {
      fail("areas %s, expected %s".formatted(found, expected));
    }
    SpaceStatistics statistics = space.statistics();
    assertEquals(expected.size(), statistics.areas());
    assertEquals(bytes, statistics.mappedBytes());
  }

  private static void ranges(IoAddressSpace space, SpaceModel model) {
    List<IovaRange> expected = new ArrayList<>();
    long from = 0;
    List<IovaRange> taken =
        model
            .reservations()
            .sorted(Comparator.comparing(IovaRange::first, Long::compareUnsigned))
            .toList();
    boolean isOpen = true;
    for (IovaRange range : taken) {
      if (isOpen && Long.compareUnsigned(from, range.first()) < 0) {
        expected.add(new IovaRange(from, range.first() - 1));
      }
      from = Long.compareUnsigned(range.last() + 1, from) > 0 ? range.last() + 1 : from;
      isOpen &= range.last() != -1;
    }
    if (isOpen) {
      expected.add(new IovaRange(from, -1));
    }
    if (!expected.equals(space.iovaRanges())) {
      fail("iovas %s, expected %s".formatted(space.iovaRanges(), expected));
    }
  }

  static void leaves(HardwarePageTable table, List<SpaceModel.Leaf> expected) {
    LeafCursor cursor = table.table().leaves();
    List<SpaceModel.Leaf> found = new ArrayList<>();
    while (cursor.advance()) {
      found.add(
          new SpaceModel.Leaf(
              cursor.iova(), cursor.paddr(), cursor.sizeLog2(), cursor.access() & 3));
    }
    if (!expected.equals(found)) {
      fail("leaves %s, expected %s".formatted(found, expected));
    }
  }
}
