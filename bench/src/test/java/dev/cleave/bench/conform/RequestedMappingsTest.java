package dev.cleave.bench.conform;

import static dev.cleave.bench.conform.RequestedMappings.NOT_MAPPED;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.Access;
import org.junit.jupiter.api.Test;

class RequestedMappingsTest {
  private final RequestedMappings requested = new RequestedMappings();

  @Test
  void anUnmapInTheMiddleLeavesBothSidesWhereTheyWere() {
    requested.map(0x10000, 0x1FFFF, 0x90000, Access.READ_WRITE);

    requested.unmap(0x14000, 0x17FFF);

    assertEquals(0x93FFF, requested.translate(0x13FFF));
    assertEquals(NOT_MAPPED, requested.translate(0x14000));
    assertEquals(NOT_MAPPED, requested.translate(0x17FFF));
    assertEquals(0x98000, requested.translate(0x18000));
  }

  @Test
  void aProtectChangesItsRangeAlone() {
    requested.map(0x10000, 0x1FFFF, 0x90000, Access.READ_WRITE);

    requested.protect(0x14000, 0x17FFF, Access.READ);

    assertEquals(Access.READ_WRITE, requested.access(0x13FFF));
    assertEquals(Access.READ, requested.access(0x14000));
    assertEquals(Access.READ_WRITE, requested.access(0x18000));
    assertEquals(0x98000, requested.translate(0x18000));
  }

  @Test
  void theEndOfTheAddressSpaceIsAnAddressLikeAnyOther() {
    requested.map(-0x2000, -1, 0x90000, Access.READ);

    requested.unmap(-0x1000, -1);

    assertTrue(requested.hasAny(-0x2000, -1));
    assertFalse(requested.hasAny(-0x1000, -1));
    assertEquals(0x90FFF, requested.translate(-0x1001));
  }
}
