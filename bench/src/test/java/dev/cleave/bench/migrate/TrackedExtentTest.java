package dev.cleave.bench.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.bench.extent.Extent;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrackedExtentTest {
  private static final long REGION = 2L << 20;

  @ParameterizedTest
  @CsvSource({"0, 0x400000", "0x1000, 0x1000", "0x1ff000, 0x2000", "0x3ff000, 0x601000"})
  void its_regions_are_those_of_the_address_space_cut_at_its_ends(String from, String bytes) {
    long first = Long.decode(from);
    long end = first + Long.decode(bytes);
    TrackedExtent extent = new TrackedExtent(Extent.of(first, end - first, 0, 0), 0);
    long at = first;
    for (int region = 0; region < extent.regions(); region++) {
      assertEquals(at, extent.regionFirst(region));
      assertEquals(region, extent.region(at));
      at = Math.min(end, (at & -REGION) + REGION);
      assertEquals(at, extent.regionEnd(region));
      assertEquals(region, extent.region(at - 1));
    }
    assertEquals(end, at);
  }
}
