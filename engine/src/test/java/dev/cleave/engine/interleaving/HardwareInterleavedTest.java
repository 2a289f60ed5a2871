package dev.cleave.engine.interleaving;

import static dev.cleave.engine.interleaving.Interleaved.PADDR;
import static dev.cleave.engine.interleaving.Interleaved.PAGE;
import static dev.cleave.engine.interleaving.Interleaved.REGION;
import static dev.cleave.engine.oracle.StatusHardware.ACCESSED;
import static dev.cleave.engine.oracle.StatusHardware.DIRTY;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.interleaving.Explorer.Scenario;
import dev.cleave.engine.oracle.StatusHardware;
import java.lang.foreign.MemorySegment;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Devices and readers beside writers, in every interleaving of their loads, stores and locks: no
 * gap, no wrong address, no bit lost, no page used again too early. And where the engine is broken
 * on purpose, that is found without luck.
 */
class HardwareInterleavedTest {
  private static final int GONE = 1;
  private static final long PLACE = 5 * PAGE;
  private static final long OTHER = 1L << 41;

  private static void map(Interleaved run, long iova, long bytes) {
    run.table.map(iova, PADDR + iova, bytes, Access.READ_WRITE);
  }

  /** A table of 4 KiB leaves. */
  private static void mapPages(Interleaved run) {
    map(run, 0, REGION);
    IotlbGather gather = run.table.newGather();
    run.table.split(0, REGION, 12, gather);
    gather.complete();
  }

  private static void forgetStatus(Interleaved run, long iova) {
    long entry = new StatusHardware(run.pages, run.table).slotOf(iova).paddr();
    run.pages.poke(entry, run.pages.peek(entry) & ~(ACCESSED | DIRTY));
  }

  private static long flushAndComplete(Interleaved run, IotlbGather gather) {
    run.device.flush(gather);
    gather.complete();
    return 0;
  }

  private static void explore(Function<ScheduledPages, Scenario> scenario) {
    Explorer.Outcome done = Explorer.explore(2, scenario);
    assertTrue(done.runs() > 1, "there is more than one interleaving");
  }

  private static Interleaved table(ScheduledPages pages) {
    return new Interleaved(pages, 2, 2);
  }

  /** What a writer does about the leaves around a place. */
  enum Change {
    SPLIT_2M {
      @Override
      void prepare(Interleaved run) {
        map(run, 0, REGION);
      }

      @Override
      void change(PageTable table, IotlbGather gather) {
        table.split(0, REGION, 12, gather);
      }
    },
    SPLIT_A_PIECE_OF_2M {
      @Override
      void prepare(Interleaved run) {
        map(run, 0, REGION);
      }

      @Override
      void change(PageTable table, IotlbGather gather) {
        table.split(PLACE, PAGE, 12, gather);
      }
    },
    SPLIT_4M_IN_PLACE {
      @Override
      void prepare(Interleaved run) {
        map(run, 0, 2 * REGION);
      }

      @Override
      void change(PageTable table, IotlbGather gather) {
        table.split(0, 2 * REGION, 21, gather);
      }
    },
    SPLIT_64K {
      @Override
      void prepare(Interleaved run) {
        map(run, 0, 16 * PAGE);
      }

      @Override
      void change(PageTable table, IotlbGather gather) {
        table.split(0, 16 * PAGE, 12, gather);
      }
    },
    SHRINK_64K {
      @Override
      void prepare(Interleaved run) {
        map(run, 0, 16 * PAGE);
      }

      @Override
      void change(PageTable table, IotlbGather gather) {
        table.split(0, 16 * PAGE, 14, gather);
      }
    },
    GROW_TO_64K {
      @Override
      void prepare(Interleaved run) {
        for (int page = 0; page < 16; page += 2) {
          map(run, page * PAGE, 2 * PAGE);
        }
      }

      @Override
      void change(PageTable table, IotlbGather gather) {
        table.merge(0, 16 * PAGE, 16, gather);
      }
    },
    MERGE_2M {
      @Override
      void prepare(Interleaved run) {
        mapPages(run);
      }

      @Override
      void change(PageTable table, IotlbGather gather) {
        table.merge(0, REGION, 21, gather);
      }
    },
    FIT_2M_TO_64K {
      @Override
      void prepare(Interleaved run) {
        map(run, 0, REGION);
      }

      @Override
      void change(PageTable table, IotlbGather gather) {
        table.fit(0, REGION, SizeRule.atMost(16), gather);
      }
    };

    abstract void prepare(Interleaved run);

    abstract void change(PageTable table, IotlbGather gather);
  }

  // ---- readers -------------------------------------------------------------------------------

  @ParameterizedTest
  @EnumSource
  void translateFindsNoGapAndNoWrongAddress(Change change) {
    explore(pages -> {
      Interleaved run = table(pages);
      change.prepare(run);
      run.and(gather -> {
        change.change(run.table, gather);
        return flushAndComplete(run, gather);
      });
      run.and(_ -> {
        assertEquals(PADDR + PLACE + 1, run.table.translate(PLACE + 1));
        return 0;
      });
      return run;
    });
  }

  @ParameterizedTest
  @EnumSource
  void aCursorFindsTheLeafAroundAPlace(Change change) {
    explore(pages -> {
      Interleaved run = table(pages);
      change.prepare(run);
      LeafCursor cursor = run.table.leaves();
      run.and(gather -> {
        change.change(run.table, gather);
        return flushAndComplete(run, gather);
      });
      run.and(_ -> {
        assertTrue(run.table.leafAt(PLACE, cursor), "a gap");
        assertEquals(PADDR, cursor.paddr() - cursor.iova());
        return 0;
      });
      return run;
    });
  }

  @ParameterizedTest
  @EnumSource
  void aDeviceFindsNoGapAndItsWriteIsRemembered(Change change) {
    explore(pages -> {
      Interleaved run = table(pages);
      change.prepare(run);
      run.and(gather -> {
        change.change(run.table, gather);
        return flushAndComplete(run, gather);
      });
      run.and(_ -> {
        assertEquals(PADDR + PLACE, run.device.write(PLACE));
        return 0;
      });
      return run.finallyHolds(
          () -> assertEquals(ACCESSED | DIRTY, run.statusAt(PLACE), "status at the place"));
    });
  }

  @ParameterizedTest
  @CsvSource({"0x1000, false", "0x200000, true"})
  void translateNeverReturnsWhatItReadFromAReusedPage(String length, boolean isDropped) {
    explore(pages -> {
      Interleaved run = table(pages);
      map(run, 0, PAGE);
      if (isDropped) {
        map(run, 3 * PAGE, PAGE);
      }
      run.and(gather -> {
        run.table.unmap(0, Long.decode(length), gather);
        gather.complete();
        run.table.map(REGION, OTHER, PAGE, Access.READ_WRITE);
        return 0;
      });
      run.and(_ -> {
        long paddr = run.table.translate(0);
        assertTrue(
            paddr == PADDR || paddr == PageTable.NOT_MAPPED,
            () -> "translated to " + Long.toHexString(paddr));
        return 0;
      });
      return run;
    });
  }

  @Test
  void translateNeverTakesTheEntriesOfAnEmptyTopThatGrewForItsOwn() {
    explore(pages -> {
      Interleaved run = new Interleaved(pages, 2, 1);
      run.and(_ -> {
        run.table.map(3 * REGION, OTHER, REGION, Access.READ_WRITE);
        return 0;
      });
      run.and(_ -> {
        assertEquals(PageTable.NOT_MAPPED, run.table.translate(3 * PAGE));
        return 0;
      });
      return run;
    });
  }

  // ---- devices -------------------------------------------------------------------------------

  @Test
  void aPageIsNotReusedWhileADeviceMayBeInIt() {
    explore(pages -> unmapAndReuse(pages, false));
  }

  private static Interleaved unmapAndReuse(ScheduledPages pages, boolean isFreedEarly) {
    Interleaved run = table(pages);
    map(run, 0, PAGE);
    run.and(gather -> {
      run.table.unmap(0, PAGE, gather);
      if (!isFreedEarly) {
        run.device.flush(gather);
      }
      gather.complete();
      run.table.map(REGION, OTHER, PAGE, Access.READ_WRITE);
      return 0;
    });
    run.and(_ -> {
      long paddr = run.device.write(0);
      assertTrue(
          paddr == PADDR || paddr == SteppedDevice.HOLE,
          () -> "a write went to " + Long.toHexString(paddr));
      return 0;
    });
    return run.finallyHolds(
        () -> assertEquals(0, run.statusAt(REGION), "status of a page that nobody used"));
  }

  /** A device keeps the table that a merge replaces, and uses it until the flush. */
  private static Interleaved mergeAndReuse(ScheduledPages pages) {
    Interleaved run = table(pages);
    mapPages(run);
    run.device.write(0);
    forgetStatus(run, 0);
    run.and(gather -> {
      run.table.merge(0, REGION, 21, gather);
      flushAndComplete(run, gather);
      run.table.map(REGION, OTHER, PAGE, Access.READ_WRITE);
      return 0;
    });
    run.and(_ -> {
      assertEquals(PADDR + PLACE, run.device.write(PLACE));
      return 0;
    });
    return run.finallyHolds(() -> {
      assertEquals(ACCESSED | DIRTY, run.statusAt(PLACE), "status at the place");
      assertEquals(0, run.statusAt(REGION), "status of a page that nobody used");
    });
  }

  @Test
  void aBitSetInAMergedTableUntilItsFlushIsNotLostNorSetInTheTableThatReusesIt() {
    explore(HardwareInterleavedTest::mergeAndReuse);
  }

  @Test
  void aBitSetInAMergedTableReachesTheLeavesItWasSplitIntoAgain() {
    explore(pages -> {
      Interleaved run = table(pages);
      mapPages(run);
      run.device.write(0);
      forgetStatus(run, 0);
      IotlbGather again = run.table.newGather();
      run.and(gather -> {
        run.table.merge(0, REGION, 21, gather);
        run.table.split(0, REGION, 20, again);
        run.device.flush(again);
        again.complete();
        return flushAndComplete(run, gather);
      });
      run.and(_ -> {
        assertEquals(PADDR + PLACE, run.device.write(PLACE));
        return 0;
      });
      return run.finallyHolds(
          () -> assertEquals(ACCESSED | DIRTY, run.statusAt(PLACE), "status at the place"));
    });
  }

  @Test
  void protectLosesNoBit() {
    explore(pages -> {
      Interleaved run = table(pages);
      map(run, 0, 16 * PAGE);
      run.and(gather -> {
        run.table.protect(0, 16 * PAGE, Access.READ, gather);
        return flushAndComplete(run, gather);
      });
      run.and(_ -> {
        assertEquals(PADDR + PLACE, run.device.write(PLACE));
        return 0;
      });
      return run.finallyHolds(
          () -> assertEquals(ACCESSED | DIRTY, run.statusAt(PLACE), "status at the place"));
    });
  }

  // ---- dirty bits ----------------------------------------------------------------------------

  /** Of one region the leaf table is locked at once, of two each is looked at first. */
  @ParameterizedTest
  @CsvSource({"1, 1", "16, 1", "512, 1", "1, 2", "16, 2"})
  void aWriteIsReportedOrIsThereForTheNextPass(int count, int regions) {
    explore(pages -> {
      Interleaved run = table(pages);
      map(run, PLACE / PAGE / count * count * PAGE, count * PAGE);
      DirtyBitmap bitmap = new DirtyBitmap(0, regions * REGION, 12);
      run.and(gather -> {
        run.table.readAndClearDirty(0, regions * REGION, bitmap, gather);
        return flushAndComplete(run, gather);
      });
      run.and(_ -> {
        assertEquals(PADDR + PLACE, run.device.write(PLACE));
        return 0;
      });
      return run.finallyHolds(
          () -> assertTrue(bitmap.isDirty(PLACE) != isDirty(run), "reported once"));
    });
  }

  /**
   * Two writers whose ranges overlap take effect one after the other. The page that is made dirty
   * lies before the one that goes, so that who looks without the lock may see neither.
   */
  @Test
  void aTableThatIsReadWithoutItsLockIsSeenAsItWasAtOneMoment() {
    explore(pages -> {
      Interleaved run = table(pages);
      map(run, PLACE, PAGE);
      map(run, 9 * PAGE, PAGE);
      run.table.setDirty(9 * PAGE, PAGE);
      DirtyBitmap bitmap = new DirtyBitmap(0, 2 * REGION, 12);
      run.and(gather -> run.table.readAndClearDirty(0, 2 * REGION, bitmap, gather));
      run.and(gather -> {
        run.table.setDirty(PLACE, PAGE);
        return run.table.unmap(9 * PAGE, PAGE, gather);
      });
      return run.finallyHolds(() -> assertTrue(bitmap.dirtyPages() > 0, "one is always dirty"));
    });
  }

  /** Maps two pages that were one leaf and can be again: of sixteen there are too many steps. */
  private static void mapTwoThatMerge(Interleaved run) {
    map(run, PLACE - PAGE, 2 * PAGE);
    IotlbGather before = run.table.newGather();
    run.table.split(PLACE - PAGE, 2 * PAGE, 12, before);
    before.complete();
  }

  /**
   * A merge holds the bits for a while that it takes from the small leaves and gives to the large.
   */
  @Test
  void aDirtyPageIsSeenBesideAMergeOfItsLeaf() {
    explore(pages -> {
      Interleaved run = table(pages);
      mapTwoThatMerge(run);
      run.table.setDirty(PLACE, PAGE);
      DirtyBitmap bitmap = new DirtyBitmap(0, 2 * REGION, 12);
      run.and(gather -> run.table.readDirty(0, 2 * REGION, bitmap));
      run.and(gather -> {
        run.table.merge(PLACE - PAGE, 2 * PAGE, 13, gather);
        return flushAndComplete(run, gather);
      });
      return run.finallyHolds(() -> assertTrue(bitmap.isDirty(PLACE), "it is dirty all the time"));
    });
  }

  /**
   * While the merge has the bit that arrived last it stands in no entry: a look at a table that is
   * locked shows nothing.
   */
  @Test
  void aPageWrittenBeforeAPassIsReportedAlthoughAMergeHoldsItsBit() {
    explore(pages -> {
      Interleaved run = table(pages);
      mapTwoThatMerge(run);
      DirtyBitmap bitmap = new DirtyBitmap(0, 2 * REGION, 12);
      run.and(gather -> {
        run.table.merge(PLACE - PAGE, 2 * PAGE, 13, gather);
        return flushAndComplete(run, gather);
      });
      run.and(_ -> {
        assertEquals(PADDR + PLACE, run.device.write(PLACE));
        return run.table.readDirty(0, 2 * REGION, bitmap);
      });
      return run.finallyHolds(() -> assertTrue(bitmap.isDirty(PLACE), "it was written before"));
    });
  }

  @Test
  void aPassBesideAWriterThatEmptiesTheTableReportsWhatIsDirtyOfTheOthers() {
    explore(pages -> {
      Interleaved run = table(pages);
      map(run, PLACE, PAGE);
      map(run, REGION, PAGE);
      run.table.setDirty(REGION, PAGE);
      DirtyBitmap bitmap = new DirtyBitmap(6 * PAGE, 2 * REGION, 12);
      run.and(gather -> run.table.readAndClearDirty(6 * PAGE, 2 * REGION, bitmap, gather));
      run.and(gather -> {
        run.table.unmap(PLACE, PAGE, gather);
        flushAndComplete(run, gather);
        map(run, PLACE, PAGE);
        return 0;
      });
      return run.finallyHolds(() -> {
        assertEquals(1, bitmap.dirtyPages());
        assertTrue(bitmap.isDirty(REGION), "the other");
      });
    });
  }

  private static boolean isDirty(Interleaved run) {
    return (run.statusAt(PLACE) & DIRTY) != 0;
  }

  @Test
  void aPageThatWasReportedIsWatchedAgainAfterItsFlush() {
    explore(pages -> {
      Interleaved run = table(pages);
      map(run, 0, 16 * PAGE);
      run.device.write(PLACE); // it keeps the translation, and that the leaf is dirty
      DirtyBitmap bitmap = new DirtyBitmap(0, REGION, 12);
      boolean[] isFlushed = new boolean[1];
      boolean[] wasFlushed = new boolean[1];
      run.and(gather -> {
        run.table.readAndClearDirty(0, REGION, bitmap, gather);
        flushAndComplete(run, gather);
        run.pages.writeShared(GONE);
        isFlushed[0] = true;
        return 0;
      });
      run.and(_ -> {
        run.pages.readShared(GONE);
        wasFlushed[0] = isFlushed[0];
        return run.device.write(PLACE);
      });
      return run.finallyHolds(() -> {
        assertTrue(bitmap.isDirty(PLACE), "the first write");
        assertTrue(!wasFlushed[0] || isDirty(run), "the second write");
      });
    });
  }

  @Test
  void aWriteThroughAMergedTableIsReportedByThisPassOrTheNext() {
    explore(pages -> {
      Interleaved run = table(pages);
      mapPages(run);
      run.device.write(0);
      forgetStatus(run, 0);
      DirtyBitmap bitmap = new DirtyBitmap(0, REGION, 12);
      IotlbGather second = run.table.newGather();
      run.and(gather -> {
        run.table.merge(0, REGION, 21, gather);
        run.table.readAndClearDirty(0, REGION, bitmap, second);
        run.device.flush(gather);
        run.device.flush(second);
        second.complete();
        gather.complete();
        return 0;
      });
      run.and(_ -> {
        assertEquals(PADDR + PLACE, run.device.write(PLACE));
        return 0;
      });
      return run.finallyHolds(() -> assertTrue(bitmap.isDirty(PLACE) || isDirty(run), "the write"));
    });
  }

  @Test
  void aBitThatSoftwareSetsSurvivesASplitOrIsSetAfterIt() {
    explore(pages -> {
      Interleaved run = table(pages);
      map(run, 0, 16 * PAGE);
      run.and(gather -> {
        run.table.split(8 * PAGE, 8 * PAGE, 12, gather);
        return flushAndComplete(run, gather);
      });
      run.and(_ -> run.table.setDirty(PLACE, PAGE));
      return run.finallyHolds(() -> assertTrue(isDirty(run), "the bit"));
    });
  }

  // ---- translations --------------------------------------------------------------------------

  @Test
  void anUnmappedPageCannotBeReachedAfterItsFlush() {
    explore(pages -> splitThenUnmap(pages, false));
  }

  private static Interleaved splitThenUnmap(ScheduledPages pages, boolean isFlushedTooLittle) {
    Interleaved run = table(pages);
    map(run, 0, 16 * PAGE);
    run.device.write(0);
    boolean[] isGone = new boolean[1];
    run.and(gather -> {
      run.table.split(0, 16 * PAGE, 12, gather);
      if (isFlushedTooLittle) {
        run.device.flush(0, PAGE - 1, gather.hasTables());
      } else {
        run.device.flush(gather);
      }
      gather.complete();
      run.table.unmap(PLACE, PAGE, gather);
      flushAndComplete(run, gather);
      run.pages.writeShared(GONE);
      isGone[0] = true;
      return 0;
    });
    run.and(_ -> {
      run.pages.readShared(GONE);
      boolean wasGone = isGone[0];
      long paddr = run.device.write(PLACE);
      assertTrue(
          paddr == SteppedDevice.HOLE || (!wasGone && paddr == PADDR + PLACE),
          () -> "a write went to " + Long.toHexString(paddr));
      return 0;
    });
    return run;
  }

  // ---- what must be found --------------------------------------------------------------------

  private static void assertFound(
      BiFunction<Schedule, MemorySegment, ScheduledPages> memories,
      Function<ScheduledPages, Scenario> scenario) {
    AssertionError found =
        assertThrows(AssertionError.class, () -> Explorer.explore(2, memories, scenario));
    String message = String.valueOf(found.getMessage());
    assertTrue(message.contains("schedule:"), message);
  }

  @ParameterizedTest
  @EnumSource(names = {"SPLIT_2M", "SPLIT_A_PIECE_OF_2M", "FIT_2M_TO_64K"})
  void aDirectoryPublishedBeforeItsTableIsFound(Change change) {
    assertFound(
        BrokenPages.EarlyPublisher::new,
        pages -> {
          Interleaved run = table(pages);
          change.prepare(run);
          run.and(gather -> {
            change.change(run.table, gather);
            return 0;
          });
          return run.and(_ -> {
            assertEquals(PADDR + PLACE, run.table.translate(PLACE));
            return 0;
          });
        });
  }

  @Test
  void aPageFreedBeforeTheFlushIsFound() {
    assertFound(ScheduledPages::new, pages -> unmapAndReuse(pages, true));
  }

  @Test
  void aMergeThatForgetsLateBitsIsFound() {
    assertFound(BrokenPages.ForgetfulMerger::new, HardwareInterleavedTest::mergeAndReuse);
  }

  @Test
  void aSplitThatFlushesTooLittleIsFound() {
    assertFound(ScheduledPages::new, pages -> splitThenUnmap(pages, true));
  }
}
