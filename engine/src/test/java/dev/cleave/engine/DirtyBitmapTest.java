package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Marks, counts and finds pages as a set of bits does. */
class DirtyBitmapTest {
  private static void assertRefused(String message, Executable executable) {
    IllegalArgumentException refusal = assertThrows(IllegalArgumentException.class, executable);
    assertTrue(
        String.valueOf(refusal.getMessage()).contains(message),
        () -> "\"" + refusal.getMessage() + "\" does not say \"" + message + "\"");
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1, 12",
    "0, 64, 12",
    "5000, 65, 12",
    "200000, 1000, 21",
    "fffffffffff00000, 256, 12"
  })
  void marksAreThoseOfASetOfBits(String base, int pages, int pageLog2) {
    long iova = Long.parseUnsignedLong(base, 16);
    Random random = new Random(pages);
    DirtyBitmap bitmap = new DirtyBitmap(iova, (long) pages << pageLog2, pageLog2);
    BitSet set = new BitSet();
    for (int round = 0; round < 20; round++) {
      int from = random.nextInt(pages);
      int to = from + random.nextInt(Math.min(pages - from, 1 + random.nextInt(150)));
      set.set(from, to + 1);
      long page = 1L << pageLog2;
      bitmap.set(iova + from * page + random.nextLong(page), iova + to * page + page - 1);
      BitSet found = new BitSet();
      long at = bitmap.nextDirty(iova);
      while (at != DirtyBitmap.NONE) {
        found.set((int) ((at - iova) >>> pageLog2));
        at = at + page == 0 ? DirtyBitmap.NONE : bitmap.nextDirty(at + page);
      }
      assertEquals(set, found);
      assertEquals(set.cardinality(), bitmap.dirtyPages());
      int probe = random.nextInt(pages);
      assertEquals(set.get(probe), bitmap.isDirty(iova + probe * page + page - 1));
    }
    bitmap.clear();
    assertEquals(DirtyBitmap.NONE, bitmap.nextDirty(iova));
  }

  @Test
  void aPageOutsideIsNotDirty() {
    DirtyBitmap bitmap = new DirtyBitmap(0x10000, 0x10000, 12);
    bitmap.set(0x10000, 0x1ffff);
    assertFalse(bitmap.isDirty(0xffff));
    assertFalse(bitmap.isDirty(0x20000));
    assertEquals(0x10000, bitmap.nextDirty(0));
    assertEquals(DirtyBitmap.NONE, bitmap.nextDirty(0x20000));
  }

  @Test
  void memoryOfTheCallersIsUsedAsItIs() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(64, 8);
      memory.fill((byte) 0xff);
      DirtyBitmap bitmap = DirtyBitmap.over(memory.asSlice(8), 0, 65 * 4096, 12);
      assertTrue(bitmap.isDirty(64 * 4096));
      bitmap.clear();
      assertEquals(16, bitmap.bits().byteSize());
      assertEquals(-1, memory.get(ValueLayout.JAVA_BYTE, 7));
      assertEquals(-1, memory.get(ValueLayout.JAVA_BYTE, 24));
    }
  }

  @Test
  void whatCannotBeABitmapIsRefused() {
    assertRefused("pageLog2=11", () -> new DirtyBitmap(0, 4096, 11));
    assertRefused("pageLog2=64", () -> new DirtyBitmap(0, 4096, 64));
    assertRefused("length=0x0", () -> new DirtyBitmap(0, 0, 12));
    assertRefused("length=0x1800", () -> new DirtyBitmap(0, 0x1800, 12));
    assertRefused("iova=0x800", () -> new DirtyBitmap(0x800, 0x1000, 12));
    assertRefused("end at or below 2^64", () -> new DirtyBitmap(-0x1000, 0x2000, 12));
    assertRefused(
        "have 16 bytes",
        () -> {
          try (Arena arena = Arena.ofConfined()) {
            var _ = DirtyBitmap.over(arena.allocate(8, 8), 0, 65 * 4096, 12);
          }
        });
  }
}
