package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class StrictModeTest {
  private static final long LEAF = 0x7000_0000_0020_0001L;
  private final Machine machine = new Machine(IommuConfig.standard().withStrict());
  private final long directory = machine.path(3, 0, 2);
  private final Statistics counts = machine.iommu.statistics();

  private void flush2m() {
    machine.flush(0xf_f000 | 3);
  }

  StrictModeTest() {
    machine.entry(directory, 0, LEAF);
    machine.read(0);
  }

  private long pages() {
    long pages = machine.table();
    for (int i = 0; i < 512; i++) {
      machine.entry(pages, i, LEAF + i * 0x1000L);
    }
    return pages;
  }

  @Test
  void aLeafThatBecomesADirectoryWhileHeldIsFlaggedByTheFlush() {
    machine.entry(directory, 0, 0x6000_0000_0000_0201L | pages());
    flush2m();
    assertEquals(1, counts.liveReplacements);
    assertEquals(directory, counts.lastLiveReplacement);
  }

  @Test
  void aReplacementIsFlaggedByTheNextWalkAsWell() {
    Machine uncached = new Machine(IommuConfig.standard().withoutCaches().withStrict());
    long table = uncached.path(1, 0, 1);
    uncached.entry(table, 0, LEAF);
    uncached.read(0);
    uncached.read(0);
    assertEquals(0, uncached.iommu.statistics().liveReplacements);
    uncached.entry(table, 0, LEAF + 0x1000);
    uncached.read(0);
    assertEquals(1, uncached.iommu.statistics().liveReplacements);
    uncached.read(0);
    assertEquals(1, uncached.iommu.statistics().liveReplacements);
  }

  @Test
  void anEntryThatWasFlushedWhileNotPresentMayBecomeAnything() {
    machine.entry(directory, 0, 0);
    flush2m();
    machine.entry(directory, 0, 0x6000_0000_0000_0201L | pages());
    machine.read(0);
    flush2m();
    assertEquals(0, counts.liveReplacements);
  }

  @Test
  void aFlushThatIsTooSmallDoesNotRelease() {
    machine.entry(directory, 0, 0);
    machine.flush(0x7_f000 | 3);
    machine.entry(directory, 0, 0x6000_0000_0000_0201L | pages());
    machine.flushAll();
    assertEquals(1, counts.liveReplacements);
  }

  @Test
  void aFlushOfAnotherRangeDoesNotRelease() {
    machine.entry(directory, 0, 0);
    machine.flush(0x2f_f000 | 3);
    machine.entry(directory, 0, 0x6000_0000_0000_0201L | pages());
    machine.flushAll();
    assertEquals(1, counts.liveReplacements);
  }

  @Test
  void aFlushOfEverythingReleasesWhatLiesAnywhere() {
    machine.entry(directory, 1, LEAF);
    machine.read(0x20_5000);
    machine.entry(directory, 1, 0);
    machine.flush(0x7fff_ffff_ffff_f003L);
    machine.entry(directory, 1, 0x6000_0000_0000_0201L | pages());
    machine.flushAll();
    assertEquals(0, counts.liveReplacements);
  }

  @Test
  void aLargerFlushReleasesTheSmallLeavesInIt() {
    long table = pages();
    machine.entry(directory, 1, 0x6000_0000_0000_0201L | table);
    machine.read(0x20_5000);
    machine.entry(table, 5, 0);
    machine.flush(0x2f_f000 | 3);
    machine.entry(table, 5, LEAF + 0x7000);
    machine.flushAll();
    assertEquals(0, counts.liveReplacements);
  }

  @Test
  void whatWasFlushedWithEverythingElseIsNotHeldAnyMore() {
    machine.entry(directory, 0, 0);
    machine.flushAll();
    machine.entry(directory, 0, 0x6000_0000_0000_0201L | pages());
    machine.flushAll();
    assertEquals(0, counts.liveReplacements);
  }

  @Test
  void permissionsAndMarksMayChangeLive() {
    machine.entry(directory, 0, (LEAF & ~(1L << 62)) | 0x60);
    flush2m();
    machine.read(0);
    assertEquals(0, counts.liveReplacements);
  }

  @Test
  void anIommuThatIsNotStrictCountsNothing() {
    Machine lenient = new Machine();
    long table = lenient.path(1, 0, 1);
    lenient.entry(table, 0, LEAF);
    lenient.read(0);
    lenient.entry(table, 0, LEAF + 0x1000);
    lenient.flushAll();
    lenient.read(0);
    assertEquals(0, lenient.iommu.statistics().liveReplacements);
  }
}
