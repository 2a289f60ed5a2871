package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an invalidation drops, and what must survive it so that a flush too few is seen. */
class InvalidationTest {
  private static final long OLD = 0x20_0000;
  private static final long NEW = 0x40_0000;
  private static final long RW = 0x7000_0000_0000_0001L;
  private static final long ALL_PAGES = 0x7fff_ffff_ffff_f000L;

  private final Machine machine = new Machine();

  /** The address of a S=1 invalidation of 2^log2 bytes. */
  private static long range(long start, int log2) {
    return ((start | ((1L << log2) - 1)) & ~(1L << (log2 - 1)) & -0x1000L) | 1;
  }

  @Test
  void aChangedLeafIsSeenOnlyAfterItsPageIsFlushed() {
    long table = machine.path(3, 0, 1);
    machine.entry(table, 0, RW | OLD);
    machine.entry(table, 1, RW | OLD | 0x1000);
    machine.read(0);
    machine.read(0x1000);
    machine.entry(table, 0, 0);
    machine.entry(table, 1, RW | NEW);
    assertEquals(OLD, machine.read(0));
    assertEquals(OLD + 0x1000, machine.read(0x1000));
    machine.flush(0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0));
    assertEquals(OLD + 0x1000, machine.read(0x1000), "its neighbour was not flushed");
    machine.flush(0x1000);
    assertEquals(NEW, machine.read(0x1000));
  }

  @Test
  void whatWasNotPresentIsNotCached() {
    long table = machine.path(3, 0, 1);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0));
    machine.entry(table, 0, RW | NEW);
    assertEquals(NEW, machine.read(0));
  }

  @Test
  void aLargeEntrySurvivesTheInvalidationOfAPartOfIt() {
    long table = machine.path(3, 0, 2);
    machine.entry(table, 0, RW | OLD);
    machine.entry(table, 1, 0x6000_0000_0000_0201L | pageOf(NEW));
    assertEquals(OLD + 0x5000, machine.read(0x5000));
    assertEquals(NEW, machine.read(0x20_0000), "an entry of 4 KiB is cached as well");
    machine.entry(table, 0, 0);
    machine.flush(0x5000);
    machine.flush(0);
    machine.flush(range(0, 20));
    assertEquals(OLD + 0x5000, machine.read(0x5000));
    machine.flush(range(0, 21));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0x5000));
    assertEquals(NEW, machine.read(0x20_0000));
  }

  /** A table whose first page leads somewhere. */
  private long pageOf(long paddr) {
    long leaves = machine.table();
    machine.entry(leaves, 0, RW | paddr);
    return leaves;
  }

  @ParameterizedTest
  @CsvSource({"13", "14", "15", "16", "17", "18", "19", "20", "21", "22", "30", "31", "40", "51"})
  void aRangeDropsItsFirstAndLastPageAndNotTheNeighbours(int log2) {
    long size = 1L << log2;
    long start = 0x50_0000_0000_0000L & -size;
    long[] iovas = {start - 0x1000, start, start + size - 0x1000, start + size};
    long root = machine.table();
    machine.attach(root, 6);
    for (long iova : iovas) {
      machine.entry(extend(root, 6, iova), Machine.index(iova, 1), RW | OLD);
      assertEquals(OLD, machine.read(iova));
    }
    for (long iova : iovas) {
      machine.entry(extend(root, 6, iova), Machine.index(iova, 1), RW | NEW);
    }
    machine.flush(range(start, log2));
    long[] now = {OLD, NEW, NEW, OLD};
    for (int i = 0; i < iovas.length; i++) {
      assertEquals(now[i], machine.read(iovas[i]), "page " + i);
    }
  }

  /** The level-1 table for an address, with what is missing on the way. */
  private long extend(long root, int mode, long iova) {
    long table = root;
    for (int level = mode; level > 1; level--) {
      long entry = machine.memory.getLong(table + Machine.index(iova, level) * 8L);
      if (entry == 0) {
        return machine.extend(table, level, iova, 1);
      }
      table = entry & 0xf_ffff_ffff_f000L;
    }
    return table;
  }

  /**
   * A directory of 2^48 bytes (level 5) or 2^57 (level 6) is replaced and flushed with its size; a
   * page that only it leads to, and that nothing lower is cached for, is then found in the new one.
   */
  @ParameterizedTest
  @CsvSource({"5, 48", "5, 49", "5, 51", "5, 64", "6, 64"})
  void aReplacedDirectoryOfTheHighestLevelsIsDroppedByAFlushOfItsSize(int level, int log2) {
    long first = 0x3_0000_0000_0000L;
    // Shares no directory below the replaced one with the first page.
    long second = first + (1L << (12 + 9 * (level - 2)));
    long root = machine.table();
    machine.attach(root, 6);
    machine.entry(extend(root, 6, first), Machine.index(first, 1), RW | OLD);
    machine.entry(extend(root, 6, second), Machine.index(second, 1), RW | OLD);
    assertEquals(OLD, machine.read(first));
    long top = level == 6 ? root : tableBelow(root, 6, first);
    long old = tableBelow(top, level, first);
    long fresh = machine.table();
    long below = machine.extend(fresh, level - 1, second, 1);
    machine.entry(below, Machine.index(second, 1), RW | NEW);
    machine.entry(top, Machine.index(first, level), directory(fresh, level - 1));
    assertEquals(OLD, machine.read(second), "nothing was flushed");
    machine.flush(pageRange(second));
    assertEquals(OLD, machine.read(second), "the page was flushed, the directory was not");
    machine.flush(log2 == 64 ? ALL_PAGES | 3 : range(first, log2) | 2);
    assertEquals(NEW, machine.read(second));
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(first), "old table " + Machine.hex(old));
  }

  private static long pageRange(long iova) {
    return iova & -0x1000L;
  }

  private static long directory(long table, int tableLevel) {
    return 0x6000_0000_0000_0001L | (long) tableLevel << 9 | table;
  }

  private long tableBelow(long table, int level, long iova) {
    return machine.memory.getLong(table + Machine.index(iova, level) * 8L) & 0xf_ffff_ffff_f000L;
  }

  @ParameterizedTest
  @CsvSource({"7ffffffffffff001", "fffffffffffff001", "0007fffffffff001", "000ffffffffff001"})
  void aSizeBeyondAllOthersMeansEverything(String q1) {
    long near = machine.path(6, 0, 1);
    machine.entry(near, 0, RW | OLD);
    long root = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * 8) & 0xf_ffff_ffff_f000L;
    long far = extend(root, 6, -0x1000L);
    machine.entry(far, 511, RW | OLD);
    assertEquals(OLD, machine.read(0));
    assertEquals(OLD, machine.read(-0x1000L));
    machine.entry(near, 0, RW | NEW);
    machine.entry(far, 511, RW | NEW);
    machine.flush(Long.parseUnsignedLong(q1, 16));
    assertEquals(NEW, machine.read(0));
    assertEquals(NEW, machine.read(-0x1000L));
  }

  @Test
  void anotherDomainIsNotTouched() {
    long table = machine.path(3, 0, 1);
    machine.entry(table, 0, RW | OLD);
    machine.read(0);
    machine.entry(table, 0, RW | NEW);
    machine.command(3L << 60 | (long) (Machine.DOMAIN + 1) << 32, ALL_PAGES | 3);
    assertEquals(OLD, machine.read(0));
  }

  @Test
  void aGuestInvalidationLeavesHostTranslations() {
    long table = machine.path(3, 0, 1);
    machine.entry(table, 0, RW | OLD);
    machine.read(0);
    machine.entry(table, 0, RW | NEW);
    machine.flush(ALL_PAGES | 7);
    assertEquals(OLD, machine.read(0));
  }

  @Test
  void directoriesSurviveWithoutPde() {
    long leaves = machine.path(2, 0, 1);
    long root = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * 8) & 0xf_ffff_ffff_f000L;
    machine.entry(leaves, 0, RW | OLD);
    machine.entry(leaves, 1, RW | OLD | 0x1000);
    machine.read(0);
    // The table becomes one leaf; the old table is still what the directory cache points at.
    machine.entry(root, 0, RW | NEW);
    machine.flush(ALL_PAGES | 1);
    assertEquals(OLD, machine.read(0));
    machine.flush(ALL_PAGES | 3);
    assertEquals(NEW, machine.read(0));
  }

  @Test
  void aDirectoryLargerThanTheRangeSurvivesPde() {
    long leaves = machine.path(2, 0, 1);
    long root = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * 8) & 0xf_ffff_ffff_f000L;
    machine.entry(leaves, 0, RW | OLD);
    machine.read(0);
    machine.entry(root, 0, RW | NEW);
    machine.flush(range(0, 20) | 2);
    assertEquals(OLD, machine.read(0));
    machine.flush(range(0, 21) | 2);
    assertEquals(NEW, machine.read(0));
  }

  @Test
  void aDirectoryLargerThanTheRangeMayAlsoGo() {
    Machine lenient =
        new Machine(IommuConfig.standard().withDirectories(new CacheShape(6, 4), false));
    long leaves = lenient.path(2, 0, 1);
    long root = lenient.memory.getLong(Machine.DEVICE_TABLE + 32L * 8) & 0xf_ffff_ffff_f000L;
    lenient.entry(leaves, 0, RW | OLD);
    lenient.read(0);
    lenient.entry(root, 0, RW | NEW);
    lenient.flush(0x1000 | 2);
    assertEquals(OLD, lenient.read(0), "the translation itself was not in the range");
    lenient.flush(2);
    assertEquals(NEW, lenient.read(0));
  }

  @Test
  void aDeviceEntryStaysUntilItIsInvalidatedAndTranslationsStayBeyondThat() {
    long table = machine.path(1, 0, 1);
    machine.entry(table, 0, RW | OLD);
    machine.read(0);
    long other = machine.table();
    machine.entry(other, 0, RW | NEW);
    machine.entry(other, 1, RW | NEW | 0x1000);
    machine.attach(other, 1);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0x1000), "the old device entry is cached");
    machine.command(2L << 60 | 9, 0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0x1000), "that was another device");
    machine.command(2L << 60 | Machine.DEVICE, 0);
    assertEquals(NEW + 0x1000, machine.read(0x1000));
    assertEquals(OLD, machine.read(0), "translations are the domain's, not the device's");
    machine.flush(ALL_PAGES | 3);
    assertEquals(NEW, machine.read(0));
  }

  @Test
  void invalidateAllForgetsDeviceEntriesTranslationsAndDirectories() {
    long table = machine.path(2, 0, 1);
    machine.entry(table, 0, RW | OLD);
    machine.read(0);
    long other = machine.table();
    machine.entry(other, 0, RW | NEW);
    machine.attach(other, 1);
    machine.flushAll();
    assertEquals(NEW, machine.read(0));
  }

  @Test
  void invalidateAllForgetsDirectoriesToo() {
    long leaves = machine.path(2, 0, 1);
    long root = machine.memory.getLong(Machine.DEVICE_TABLE + 32L * 8) & 0xf_ffff_ffff_f000L;
    machine.entry(leaves, 0, RW | OLD);
    machine.read(0);
    machine.entry(root, 0, 0x6000_0000_0000_0201L | pageOf(NEW));
    machine.flushAll();
    assertEquals(NEW, machine.read(0));
  }

  @Test
  void aStaleRightIsUsedUntilItIsFlushed() {
    long table = machine.path(1, 0, 1);
    machine.entry(table, 0, 0x3000_0000_0000_0001L | OLD);
    machine.read(0);
    machine.entry(table, 0, RW | OLD);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.write(0));
    machine.flush(0);
    assertEquals(OLD, machine.write(0));
  }

  @Test
  void aLeafBetweenTwoCacheSizesIsCachedInPiecesOfTheSmallerOne() {
    long table = machine.path(3, 0, 1);
    for (int i = 0; i < 16; i++) {
      // 64 KiB at 0x200000.
      machine.entry(table, i, 0x7000_0000_0020_7e01L);
    }
    assertEquals(OLD, machine.read(0));
    assertEquals(OLD + 0xf000, machine.read(0xf000));
    assertEquals(2, machine.iommu.statistics().iotlbMisses);
    for (int i = 0; i < 16; i++) {
      machine.entry(table, i, 0);
    }
    machine.flush(0);
    assertEquals(Outcome.IO_PAGE_FAULT, machine.read(0));
    assertEquals(OLD + 0xf000, machine.read(0xf000));
  }

  @Test
  void anIotlbThatKnowsEverySizeKeepsTheWholeLeaf() {
    Machine all = new Machine(IommuConfig.standard().withIotlb(new CacheShape(6, 4), -0x1000L));
    long table = all.path(3, 0, 1);
    for (int i = 0; i < 16; i++) {
      all.entry(table, i, 0x7000_0000_0020_7e01L);
    }
    all.read(0);
    for (int i = 0; i < 16; i++) {
      all.entry(table, i, 0);
    }
    all.flush(0);
    assertEquals(OLD, all.read(0), "64 KiB outlive the invalidation of 4 KiB");
    all.flush(range(0, 16));
    assertEquals(Outcome.IO_PAGE_FAULT, all.read(0));
  }

  @Test
  void aFullSetForgetsItsOldestEntry() {
    Machine tiny = new Machine(IommuConfig.standard().withIotlb(new CacheShape(0, 2), 1L << 12));
    long table = tiny.path(1, 0, 1);
    for (int i = 0; i < 3; i++) {
      tiny.entry(table, i, RW | OLD);
    }
    tiny.read(0);
    tiny.read(0x1000);
    tiny.read(0);
    tiny.read(0x2000);
    for (int i = 0; i < 3; i++) {
      tiny.entry(table, i, RW | NEW);
    }
    assertEquals(OLD, tiny.read(0));
    assertEquals(OLD, tiny.read(0x2000));
    assertEquals(NEW, tiny.read(0x1000));
  }
}
