package dev.cleave.bench.replay;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Memory that a guest is given at once, beside memory that it is given region by region. */
class SimulatedRmpTest {
  private static final int REGIONS = 70; // more than the bitmap has in a word
  private static final long GUEST = (REGIONS + 1) * REGION_BYTES;
  private static final long PLACE = 1L << 36;

  /** What is so before a range of all regions but the last is mapped to {@link #PLACE}. */
  enum Before {
    NOTHING(true),
    A_REGION_LIES_THERE(true),
    A_REGION_LIES_ELSEWHERE(true), // where no table maps it any more, so that it is given back
    ANOTHER_PAGE_LIES_IN_THE_PLACE(false),
    A_PAGE_IS_SHARED(false),
    A_LEAF_IS_THERE(false);

    /** Whether the region that it is about gets a 2 MiB entry. */
    private final boolean isLarge;

    Before(boolean isLarge) {
      this.isLarge = isLarge;
    }
  }

  /** A guest as far as its RMP depends on it. */
  private static final class Guest implements AutoCloseable {
    private final TableMemory memory = TableMemory.builder().capacityBytes(1 << 20).build();
    private final PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX));
    private final RmpBitmap known = new RmpBitmap(GUEST);
    private final GuestFrames frames = new GuestFrames();
    private final SimulatedRmp rmp;

    Guest(Before before, boolean isAnyLarge) {
      rmp =
          new SimulatedRmp(
              new RmpBitmap(GUEST), isAnyLarge, frames, List.of(table), List.of(), null);
      long other = 5 * REGION_BYTES;
      switch (before) {
        case NOTHING -> {}
        case A_REGION_LIES_THERE -> populate(other, PLACE + other, REGION_BYTES);
        case A_REGION_LIES_ELSEWHERE -> populate(other, PLACE - REGION_BYTES, REGION_BYTES);
        case ANOTHER_PAGE_LIES_IN_THE_PLACE ->
            populate(REGIONS * REGION_BYTES, PLACE + other, PAGE_BYTES);
        case A_PAGE_IS_SHARED -> {
          rmp.unassign(other, PAGE_BYTES);
          known.share(other, PAGE_BYTES);
        }
        case A_LEAF_IS_THERE -> table.map(other, PLACE + other, PAGE_BYTES, Access.READ_WRITE);
      }
    }

    List<GuestTables.Run> populate(long gpa, long paddr, long length) {
      return rmp.populate(gpa, paddr, length, known);
    }

    /** All that is to be seen of a region. */
    String state(long gpa) {
      return "known %b, actual %b, can be %b, lies there %b"
          .formatted(
              known.isLarge(gpa),
              rmp.actual().isLarge(gpa),
              rmp.canBeLarge(gpa, REGION_BYTES),
              frames.isAt(gpa, PLACE + gpa, REGION_BYTES));
    }

    @Override
    public void close() {
      rmp.close();
      known.close();
      table.close();
      memory.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void whatIsGivenAtOnceEndsAsIfGivenRegionByRegion(Before before) {
    for (boolean isAnyLarge : new boolean[] {true, false}) {
      try (Guest one = new Guest(before, isAnyLarge);
          Guest other = new Guest(before, isAnyLarge)) {
        List<GuestTables.Run> smashed = one.populate(0, PLACE, REGIONS * REGION_BYTES);
        List<GuestTables.Run> each = new ArrayList<>();
        for (long gpa = 0; gpa < REGIONS * REGION_BYTES; gpa += REGION_BYTES) {
          each.addAll(other.populate(gpa, PLACE + gpa, REGION_BYTES));
        }
        assertEquals(each, smashed);
        for (long gpa = 0; gpa < GUEST; gpa += REGION_BYTES) {
          assertEquals(other.state(gpa), one.state(gpa), "at " + gpa / REGION_BYTES);
        }
        assertEquals(isAnyLarge, one.rmp.actual().isLarge(0));
        if (isAnyLarge && before.isLarge) {
          assertEquals(
              "known true, actual true, can be true, lies there true", one.state(5 * REGION_BYTES));
        } else {
          assertFalse(one.rmp.actual().isLarge(5 * REGION_BYTES));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"NOTHING", "A_PAGE_IS_SHARED"})
  void aRegionOfWhichAPartIsGivenHasNoLargeEntry(Before before) {
    try (Guest guest = new Guest(before, true)) {
      assertEquals(List.of(), guest.populate(PAGE_BYTES, PLACE + PAGE_BYTES, 2 * REGION_BYTES));
      assertEquals("known false, actual false, can be false, lies there false", guest.state(0));
      assertTrue(guest.rmp.actual().isLarge(REGION_BYTES));
      assertEquals(
          "known false, actual false, can be false, lies there false",
          guest.state(2 * REGION_BYTES));
    }
  }
}
