package dev.cleave.engine.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What both formats say of themselves: the limits of {@code docs/spec/amd-vi.md} §1 and §2. */
class FormatContractTest {
  private static final EntryFormat V1 = AmdV1.LINUX;
  private static final EntryFormat X86_64 = X86.LINUX;
  private static final long TABLE = 0xFEDC_BA98_7000L;

  @Test
  void amdV1HasOneToSixLevelsAndGrows() {
    assertEquals(1, V1.minLevels());
    assertEquals(6, V1.maxLevels());
    assertTrue(V1.canGrow());
  }

  @Test
  void x86HasFourOrFiveLevelsAndDoesNotGrow() {
    assertEquals(4, X86_64.minLevels());
    assertEquals(5, X86_64.maxLevels());
    assertFalse(X86_64.canGrow());
  }

  @Test
  void outputAddressesHave52BitsWithoutCBit() {
    assertEquals(52, V1.outputBits());
    assertEquals(52, X86_64.outputBits());
  }

  @ParameterizedTest
  @ValueSource(ints = {32, 47, 51})
  void outputAddressesEndBelowTheCBit(int bit) {
    assertEquals(bit, AmdV1.LINUX.withEncryptionBit(bit).outputBits());
    assertEquals(bit, X86.LINUX.withEncryptionBit(bit).outputBits());
  }

  @Test
  void bitSixIsDirtyInBoth() {
    assertEquals(0x40, V1.dirtyMask());
    assertEquals(0x40, X86_64.dirtyMask());
  }

  @ParameterizedTest
  @CsvSource({
    "0, false, false",
    "1, true, true",
    "2, true, false",
    "3, true, true",
    "4, false, false",
    "5, true, true",
    "6, true, false",
    "7, true, true",
    "8, false, false",
    "9, false, true",
    "11, false, true",
    "15, false, true",
    "17, false, false",
    "-1, false, false"
  })
  void aFormatExpressesSomePermissionsAndRefusesTheRest(int access, boolean v1, boolean x86) {
    assertEquals(v1, V1.canExpress(access));
    assertEquals(x86, X86_64.canExpress(access));
  }

  @Test
  void aRuleSaysWhatAMappingMustPermit() {
    assertEquals(
        "a mapping must permit reads, writes or both, and cannot forbid execution",
        V1.accessRule());
    assertEquals("a mapping must permit reads", X86_64.accessRule());
  }

  @Test
  void formatsHaveTheNamesOfTheirSpecification() {
    assertEquals("AMD v1", V1.toString());
    assertEquals("x86-64", X86_64.toString());
  }

  @Test
  void aRemnantIsADirectoryThatHardwareTakesForAHole() {
    for (EntryFormat format : new EntryFormat[] {V1, X86_64}) {
      long directory = format.directory(TABLE, 2);
      assertEquals(directory - 1, format.remnant(directory));
      assertEquals(TABLE, format.tablePaddr(format.remnant(directory)));
    }
  }

  @Test
  void onlyAHoleThatKeepsATableIsARemnant() {
    for (EntryFormat format : new EntryFormat[] {V1, X86_64}) {
      long directory = format.directory(TABLE, 2);
      assertTrue(format.isRemnant(format.remnant(directory)));
      assertFalse(format.isRemnant(directory));
      assertFalse(format.isRemnant(0));
      assertFalse(format.isRemnant(format.statusMask()), "hardware may mark a hole late");
    }
  }

  @ParameterizedTest
  @CsvSource({"r, 1", "w, 2", "rw, 3", "-, 0", "r, 5", "-, 12"})
  void permissionsHaveTheWordsOfTheCommandLine(String words, int access) {
    assertEquals(words, Access.permissions(access));
  }

  /** Every bit but those of its kind and its size is any. */
  @ParameterizedTest
  @CsvSource({"v1, 4", "v1, 6", "x86, 4", "x86, 5"})
  void underTheMaskAKindIsOneValueAndNoOther(String name, int levels) {
    EntryFormat format = name.equals("v1") ? V1 : X86_64;
    Random random = new Random(16);
    for (int level = 1; level <= levels; level++) {
      long mask = format.kindMask(level);
      assertEquals(format.presentMask(), mask & format.presentMask());
      long directory = format.directory(0, Math.max(level - 1, 1)) & mask;
      long leaf = format.leaf(0, Geometry.entryLog2(level), format.presentMask()) & mask;
      for (int i = 0; i < 1000; i++) {
        long entry = random.nextLong() & ~(format.presentMask() | mask);
        long paddr = random.nextLong(1L << 52) & -(1L << Geometry.entryLog2(level));
        if (level > 1) {
          assertTrue(directory != leaf);
          assertEquals(directory, (entry | format.directory(TABLE, level - 1)) & mask);
          assertFalse(format.isLeaf(entry | directory, level));
        }
        long attributes = format.attributes(Access.READ | (random.nextInt(4) & Access.WRITE));
        long status = random.nextLong() & format.statusMask();
        assertEquals(
            leaf, format.leaf(paddr, Geometry.entryLog2(level), attributes | status) & mask);
        assertTrue(format.isLeaf(entry | leaf, level));
        long hole = random.nextLong() & ~format.presentMask();
        assertTrue((hole & mask) != leaf && (hole & mask) != directory);
      }
    }
  }

  @Test
  void aLeafOfSeveralSlotsIsOfNoKind() {
    for (int sizeLog2 = 13; sizeLog2 < 30; sizeLog2++) {
      if (sizeLog2 != 21) {
        long kind = V1.leaf(0, sizeLog2, V1.presentMask()) & V1.kindMask(1);
        assertTrue(kind != (V1.leaf(0, 12, V1.presentMask()) & V1.kindMask(1)));
        for (int level = 1; level < 6; level++) {
          assertTrue(kind != (V1.directory(0, level) & V1.kindMask(2)));
        }
      }
    }
  }
}
