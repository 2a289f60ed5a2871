package dev.cleave.bench.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.machine.GuestFrames;
import dev.cleave.bench.machine.ModelMachine;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A guest of four regions: whole, with a page that is shared, placed askew, and a part of one. */
class GuestRmpTest {
  private static final long REGION = 2L << 20;
  private static final GuestMemory GUEST =
      new GuestMemory(
          List.of(
              Extent.of(0, 2 * REGION, 0, Access.READ_WRITE),
              Extent.of(2 * REGION, REGION, 8 * REGION + 4096, Access.READ_WRITE),
              Extent.of(3 * REGION, 8192, 3 * REGION, Access.READ_WRITE)),
          List.of(Extent.of(REGION + 4096, 4096, REGION + 4096, 0)),
          0);

  private final GuestFrames frames = new GuestFrames();
  private final TableMemory tables =
      TableMemory.builder().capacityBytes(1 << 20).base(ModelMachine.TABLE_BASE).build();
  private final ModelMachine machine;
  private final GuestRmp rmp;

  GuestRmpTest() {
    GUEST.extents().forEach(one -> frames.place(one.first(), one.paddr(), one.length()));
    machine = ModelMachine.marking(GUEST.paddrEnd(), frames, tables, true);
    rmp = new GuestRmp(GUEST, frames, machine.rmp(), true);
  }

  @AfterEach
  void close() {
    rmp.close();
    machine.close();
    tables.close();
  }

  private boolean isLarge(long region) {
    return RmpEntry.isLarge(machine.rmp().entryOf(region));
  }

  @Test
  void whole_private_regions_get_an_entry_of_2_mib_and_pages_elsewhere_one_each() {
    assertTrue(isLarge(0));
    assertFalse(isLarge(REGION));
    for (long gpa : List.of(0L, REGION - 1, REGION, 2 * REGION, 3 * REGION + 4096)) {
      assertTrue(machine.isPrivate(gpa), "gpa " + gpa);
    }
    assertFalse(machine.isPrivate(REGION + 4096), "which is shared");
    assertFalse(machine.isPrivate(3 * REGION + 8192), "which nobody has");
  }

  @Test
  void entries_are_smashed_once_and_joined_where_they_were_one() {
    assertTrue(rmp.smash(0, 4 * REGION));
    assertFalse(isLarge(0));
    assertFalse(rmp.smash(4096, 4096), "it is small already");
    assertEquals(0, rmp.rule().sizes(0) >>> 21);
    assertTrue(rmp.unsmash(0, 4 * REGION));
    assertTrue(isLarge(0));
    assertFalse(rmp.unsmash(0, 4 * REGION), "nothing else ever was one");
  }
}
