package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.SmallTable;
import dev.cleave.engine.format.Access;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The open batch of a queue is its writer's, whoever flushes late. */
class OpenBatchTest {
  private static final long PAGE = 4096;

  /**
   * A thread that was to flush two batches finds that others have flushed both, and a third. It had
   * flushed the open batch then, beside the writer: {@code SpaceFlushQueueTest} on a busy machine.
   */
  @Test
  void whoComesLateLeavesTheOpenBatchAlone() {
    List<Long> freed = new ArrayList<>();
    try (SmallTable small = new SmallTable()) {
      for (int page = 0; page < 8; page++) {
        small.table.map(page * PAGE, page * PAGE, PAGE, Access.READ_WRITE);
      }
      try (IotlbFlushQueue queue =
          new IotlbFlushQueue(
              small.table, (_, _) -> {}, 2, 3, Long.MAX_VALUE, (iova, _) -> freed.add(iova))) {
        for (int page = 0; page < 7; page++) {
          var _ = queue.unmap(page * PAGE, PAGE);
        }
        while (queue.flushSealed()) {
          // until only the open batch is left
        }
        assertEquals(List.of(0L, PAGE, 2 * PAGE, 3 * PAGE, 4 * PAGE, 5 * PAGE), freed);
        for (int sealed = 0; sealed <= 3; sealed++) {
          assertFalse(queue.flushSealed(sealed), sealed + " were sealed when it began");
        }
        assertEquals(6, freed.size());
        assertEquals(1, queue.outstanding());
        queue.flush();
        assertEquals(6 * PAGE, freed.getLast());
        assertTrue(queue.outstanding() == 0 && freed.size() == 7, freed.toString());
      }
    }
  }
}
