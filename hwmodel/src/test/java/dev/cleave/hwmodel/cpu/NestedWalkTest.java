package dev.cleave.hwmodel.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The processor's nested walk: tables of both heights against a recursive reference, and alone. */
class NestedWalkTest {
  private static final long COVERED = 1L << 30;
  private static final long RMP = 0x10_0000;
  private static final long TABLES = 0x100_0000;
  private static final long MEMORY = 32L << 20;
  private static final long ADDRESS = 0xf_ffff_ffff_f000L;
  private static final int ASID = 5;
  private static final long READ = 0x1_0000_0004L;
  private static final int[] INDEXES = {0, 1, 2, 511};

  private final PhysicalMemory memory = new PhysicalMemory();
  private final ReverseMap map = new ReverseMap(memory, RMP, COVERED);
  private final RmpInstructions hypervisor = new RmpInstructions(map);
  private final Map<Long, Long> words = new HashMap<>();
  private Random random = new Random(0);
  private long nextTable = TABLES;

  NestedWalkTest() {
    memory.allocate(0, MEMORY, Arena.ofAuto());
  }

  private long table() {
    nextTable += 4096;
    return nextTable - 4096;
  }

  /** Builds directories for an address down to a level; returns the slot of its entry there. */
  private long slot(long root, int levels, long gpa, int level) {
    long table = root;
    for (int now = levels; now > level; now--) {
      long at = table + (gpa >>> (9 * now + 3) & 0x1ff) * 8;
      if (memory.getLong(at) == 0) {
        memory.setLong(at, table() | 0x27);
      }
      table = memory.getLong(at) & ADDRESS;
    }
    return table + (gpa >>> (9 * level + 3) & 0x1ff) * 8;
  }

  private void assertFault(Guest guest, long code, long outcome) {
    assertEquals(Guest.NESTED_PAGE_FAULT, outcome);
    assertEquals("0x%x".formatted(code), "0x%x".formatted(guest.errorCode()));
  }

  @ParameterizedTest
  @CsvSource({"4, 48", "5, 57"})
  void anAddressBeyondTheTableIsNotPresent(int levels, int widthLog2) {
    long root = table();
    long last = (1L << widthLog2) - 0x1000;
    memory.setLong(slot(root, levels, 0, 1), 0x12_3067);
    memory.setLong(slot(root, levels, last, 1), 0x45_6067);
    Guest guest = new Guest(memory, map, root, levels, ASID, 0);
    assertEquals(0x45_6008, guest.access(last + 8, Guest.READ, false));
    assertFault(guest, READ, guest.access(1L << widthLog2, Guest.READ, false));
    assertFault(guest, READ, guest.access(1L << 63, Guest.READ, false));
  }

  @Test
  void theEncryptionBitIsNoPartOfAnAddress() {
    long bit = 1L << 47;
    long root = table();
    long leaf = slot(root, 4, 0, 1);
    memory.setLong(leaf, 0x12_3067 | bit);
    memory.setLong(slot(root, 4, 0x4000_0000, 2), 0x20_0067 | 0x80 | bit);
    memory.setLong(root, memory.getLong(root) | bit);
    Guest guest = new Guest(memory, map, bit, root | bit, 4, ASID, 0);
    assertEquals(0x12_3008, guest.access(8, Guest.WRITE, false));
    assertEquals(0x20_0008, guest.access(0x4000_0008, Guest.WRITE, false));
  }

  @Test
  void everyLeafSizeTranslatesUnderBothHeights() {
    for (int levels = 4; levels <= 5; levels++) {
      for (int level = 1; level <= 3; level++) {
        long root = table();
        long size = 1L << (9 * level + 3);
        long gpa = levels == 5 ? (0x1ffL << 48) + size : size;
        memory.setLong(slot(root, levels, gpa, level), size | 0x07 | (level > 1 ? 0x80 : 0));
        Guest guest = new Guest(memory, map, root, levels, ASID, 0);
        for (long offset : new long[] {0, size / 2 + 8, size - 8}) {
          assertEquals(size + offset, guest.access(gpa + offset, Guest.READ, false));
        }
        assertFault(guest, READ, guest.access(gpa - 8, Guest.READ, false));
      }
    }
  }

  @Test
  void aPrivatePieceOfAGigabyteLeafWantsARmpEntryOfTwoMegabytes() {
    long root = table();
    memory.setLong(slot(root, 4, 0, 3), 0x87);
    Guest guest = new Guest(memory, map, root, 4, ASID, 0);
    assertEquals(0, hypervisor.rmpUpdate(0x2000_0000, 0x2000_0000, 0x5_0000_0101L));
    assertEquals(0, hypervisor.pvalidate(0x2000_0000, 0x2000_0000, ASID, true, true));
    assertEquals(0, hypervisor.rmpUpdate(0x2020_1000, 0x2020_1000, 0x5_0000_0001L));
    assertEquals(0, hypervisor.pvalidate(0x2020_1000, 0x2020_1000, ASID, false, true));
    long rmpFault = READ | 1L << 34 | 1L << 31 | 1;
    assertEquals(0x201f_fff8, guest.access(0x201f_fff8, Guest.READ, true));
    assertFault(guest, rmpFault | 1L << 35, guest.access(0x2020_1000, Guest.READ, true));
    assertFault(guest, rmpFault, guest.access(0x2020_2000, Guest.READ, true));
    assertFault(guest, 0x1_8000_0007L, guest.access(0x2020_2000, Guest.WRITE, false));
    assertEquals(0x2040_0000, guest.access(0x2040_0000, Guest.WRITE, false));
  }

  @Test
  void noExecuteInADirectoryHoldsForAllBelow() {
    long root = table();
    memory.setLong(slot(root, 5, 0, 1), 0x12_3007);
    memory.setLong(root, memory.getLong(root) | 1L << 63);
    Guest guest = new Guest(memory, map, root, 5, ASID, 0);
    assertEquals(0x12_3000, guest.access(0, Guest.READ, false));
    assertFault(guest, 0x1_0000_0015L, guest.access(0, Guest.EXECUTE, false));
  }

  // Against a recursive reference that knows nothing but the layout.

  private long word(long at) {
    return words.computeIfAbsent(at, memory::getLong);
  }

  /** The address, or minus the error code. */
  private long reference(long table, int level, long gpa, int kind) {
    long bits = READ | (kind == Guest.WRITE ? 2 : 0) | (kind == Guest.EXECUTE ? 0x10 : 0);
    long at = table + (gpa >>> (9 * level + 3) & 0x1ff) * 8;
    long entry = word(at);
    long size = 1L << (9 * level + 3);
    boolean leaf = level == 1 || (entry & 0x80) != 0;
    if ((entry & 1) == 0) {
      return -bits;
    }
    if (level > 1 && leaf && (level > 3 || (entry & ADDRESS & (size - 1) & ~0x1000) != 0)) {
      return -(bits | 9);
    }
    if ((entry & 4) == 0
        || (kind == Guest.WRITE && (entry & 2) == 0)
        || (kind == Guest.EXECUTE && entry < 0)) {
      return -(bits | 1);
    }
    words.put(at, entry | 0x20 | (leaf && kind == Guest.WRITE ? 0x40 : 0));
    return leaf
        ? (entry & ADDRESS & -size) | (gpa & (size - 1))
        : reference(entry & ADDRESS, level - 1, gpa, kind);
  }

  private boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  private void fill(long table, int level) {
    for (int index : INDEXES) {
      long bits = chance(96) ? 1 : 0;
      bits |= (chance(90) ? 2 : 0) | (chance(96) ? 4 : 0) | (chance(8) ? 1L << 63 : 0);
      bits |= chance(20) ? 0x7ff0_0000_0000_0e18L : 0;
      if (level > 3 || (level > 1 && chance(60))) {
        long below = table();
        fill(below, level - 1);
        bits |= below | (level > 3 && chance(2) ? 0x80 : 0);
      } else {
        long size = 1L << (9 * level + 3);
        long low = level > 1 && chance(20) ? chance(50) ? 0x1000 : 0x2000 : 0;
        bits |= (random.nextLong() & 0x7_ffff_ffff_f000L & -size) | low;
        bits |= level > 1 || chance(30) ? 0x80 : 0;
      }
      memory.setLong(table + index * 8L, bits);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void everyAccessComesToWhatTheReferenceSays(long seed) {
    random = new Random(seed);
    int levels = seed % 2 == 0 ? 4 : 5;
    long root = table();
    fill(root, levels);
    Guest guest = new Guest(memory, map, root, levels, ASID, 0);
    int addresses = 0;
    for (int round = 0; round < 20_000; round++) {
      long gpa = random.nextInt(0x1000);
      for (int level = 1; level <= levels; level++) {
        gpa |= (long) INDEXES[random.nextInt(4)] << (9 * level + 3);
      }
      int kind = random.nextInt(3);
      long expected = reference(root, levels, gpa, kind);
      long outcome = guest.access(gpa, kind, false);
      String where = "seed %d, round %d, gpa 0x%x, kind %d".formatted(seed, round, gpa, kind);
      assertEquals(expected, outcome < 0 ? -guest.errorCode() : outcome, where);
      addresses += outcome >= 0 ? 1 : 0;
    }
    assertTrue(addresses > 1000, "too few were translated: " + addresses);
    words.forEach(
        (at, word) -> assertEquals(word, memory.getLong(at), "word at 0x%x".formatted(at)));
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void dirtyNeverLandsOnALeafThatReplacedTheOneWrittenThrough() throws InterruptedException {
    long root = table();
    long leaf = slot(root, 4, 0, 1);
    memory.setLong(leaf, 0x12_3007);
    Guest guest = new Guest(memory, map, root, 4, ASID, 0);
    AtomicBoolean done = new AtomicBoolean();
    long[] wrong = new long[1];
    Thread processor =
        new Thread(() -> {
          while (!done.get()) {
            long outcome = guest.access(0, Guest.WRITE, false);
            wrong[0] += outcome == 0x12_3000 || outcome == Guest.NESTED_PAGE_FAULT ? 0 : 1;
          }
        });
    processor.start();
    int marked = 0;
    int wronglyMarked = 0;
    while (marked < 1000) {
      marked += (memory.getAndSetLong(leaf, 0x45_6005) & 0x40) != 0 ? 1 : 0;
      wronglyMarked += (memory.getAndSetLong(leaf, 0x12_3007) & 0x40) != 0 ? 1 : 0;
      // On a single processor the other thread would not get its turn.
      LockSupport.parkNanos(1);
    }
    done.set(true);
    processor.join();
    assertEquals(0, wrong[0]);
    assertEquals(0, wronglyMarked, "a read-only leaf was marked by a write");
  }
}
