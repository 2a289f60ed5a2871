package dev.cleave.bench.rival;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What following the RMP must come to, whichever way it is done. */
abstract class ShareRivalContract {
  private static final long PAGE = 4096;
  private static final int REGIONS = 4;
  private static final int REGION_PAGES = 512;
  private static final long PADDR = 8L << 30;

  private final TableMemory memory = TableMemory.builder().capacityBytes(1 << 20).build();
  private final RmpBitmap bitmap = new RmpBitmap(REGIONS * REGION_BYTES);
  private final PageTable table =
      PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX).withPageSizes(1L << 12 | 1L << 21));

  abstract ShareRival create(PageTable table, RmpBitmap bitmap);

  @AfterEach
  void close() {
    table.close();
    bitmap.close();
    memory.close();
  }

  @Test
  void leavesAreTheLargestThatTheStatesAllowAndEveryPageTranslates() {
    bitmap.setLarge(0, REGIONS * REGION_BYTES, true);
    table.map(0, PADDR, REGIONS * REGION_BYTES, Access.READ_WRITE, bitmap.rule());
    ShareRival rival = create(table, bitmap);
    BitSet shared = new BitSet();
    Random random = new Random(7);
    for (int run = 0; run < 400; run++) {
      int page = random.nextInt(REGIONS * REGION_PAGES);
      int region = page / REGION_PAGES;
      if (shared.get(page)) {
        rival.unshare(page * PAGE, PAGE);
        shared.clear(page);
      } else if (random.nextInt(4) == 0) {
        rival.unshare(region * REGION_BYTES, REGION_BYTES);
        shared.clear(region * REGION_PAGES, (region + 1) * REGION_PAGES);
      } else {
        rival.share(page * PAGE, PAGE);
        shared.set(page);
      }
      assertFollows(shared, run);
    }
    finish(rival);
  }

  /** Ends what the rival keeps open. */
  void finish(ShareRival rival) {}

  private void assertFollows(BitSet shared, int run) {
    LeafCursor leaf = table.leaves();
    for (int region = 0; region < REGIONS; region++) {
      int next = shared.nextSetBit(region * REGION_PAGES);
      boolean isMixed = next >= 0 && next < (region + 1) * REGION_PAGES;
      assertTrue(table.leafAt(region * REGION_BYTES, leaf), "run " + run);
      assertEquals(isMixed ? 12 : 21, leaf.sizeLog2(), "run " + run + ", region " + region);
    }
    for (long gpa = 0; gpa < REGIONS * REGION_BYTES; gpa += PAGE) {
      assertEquals(PADDR + gpa, table.translate(gpa), "run " + run);
      assertEquals(shared.get((int) (gpa / PAGE)), bitmap.isShared(gpa), "run " + run);
    }
  }
}
