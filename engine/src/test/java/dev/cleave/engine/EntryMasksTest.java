package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.leafLevel;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.MethodSizes;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.format.X86;
import java.io.IOException;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Masks say what their format says, of every entry that is written. */
class EntryMasksTest {
  private static final int TIMES = 200;

  private final Random random = new Random(7);

  static Stream<EntryFormat> formats() {
    return Stream.of(
        AmdV1.LINUX,
        AmdV1.LINUX.withoutForcedCoherence(),
        AmdV1.LINUX.withEncryptionBit(51),
        AmdV1.LINUX.withEncryptionBit(47),
        X86.LINUX,
        X86.LINUX.withHardwareStatus(),
        X86.LINUX.withEncryptionBit(51));
  }

  @ParameterizedTest
  @MethodSource("formats")
  void leavesAreTheSame(EntryFormat format) {
    EntryMasks masks = new EntryMasks(format);
    int[] sizes =
        IntStream.range(0, Long.SIZE).filter(i -> (format.leafSizes() & 1L << i) != 0).toArray();
    int[] accesses = IntStream.range(0, 16).filter(i -> canMap(format, i)).toArray();
    assertTrue(sizes.length >= 3 && accesses.length >= 2);
    for (int sizeLog2 : sizes) {
      int level = leafLevel(sizeLog2);
      boolean isSingle = Geometry.slotsLog2(sizeLog2) == 0;
      for (int access : accesses) {
        for (int i = 0; i < TIMES; i++) {
          long paddr = random.nextLong() & -(1L << sizeLog2) & (1L << format.outputBits()) - 1;
          long bits = format.attributes(access) | (random.nextLong() & format.statusMask());
          long leaf = format.leaf(paddr, sizeLog2, bits);
          assertEquals(leaf, masks.leaf(paddr, sizeLog2, bits));
          assertTrue(masks.isPresent(leaf) && masks.isLeaf(leaf, level));
          assertFalse(masks.isDirectory(leaf, level) || masks.isRemnant(leaf));
          assertEquals(isSingle, masks.isSingle(leaf, level));
          if (isSingle) {
            assertEquals(leaf, masks.single(paddr, level, bits));
          }
          assertEquals(sizeLog2, masks.leafSizeLog2(leaf, level));
          assertEquals(paddr, masks.leafPaddr(leaf, level));
          assertEquals(format.attributesOf(leaf), masks.attributesOf(leaf));
          assertEquals(leaf & format.statusMask(), leaf & masks.statusMask);
        }
      }
    }
  }

  private static boolean canMap(EntryFormat format, int access) {
    try {
      return format.canExpress(access) && format.attributes(access) != 0;
    } catch (IllegalArgumentException e) {
      return false; // no C-bit
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void directoriesAndRemnantsAreTheSame(EntryFormat format) {
    EntryMasks masks = new EntryMasks(format);
    for (int level = 2; level <= format.maxLevels(); level++) {
      for (int i = 0; i < TIMES; i++) {
        long table = random.nextLong() & -4096L & (1L << format.outputBits()) - 1;
        long directory = format.directory(table, level - 1);
        assertEquals(directory, masks.directory(table, level - 1));
        long touched = directory | (random.nextLong() & format.statusMask());
        assertTrue(masks.isPresent(touched) && masks.isDirectory(touched, level));
        assertFalse(masks.isLeaf(touched, level) || masks.isSingle(touched, level));
        assertEquals(table, masks.tablePaddr(touched));
        assertEquals(masks.directoryKind(level), masks.kind(touched));
        long remnant = format.remnant(touched);
        assertEquals(remnant, masks.remnant(touched));
        assertFalse(masks.isPresent(remnant) || masks.isDirectory(remnant, level));
        assertEquals(format.isRemnant(remnant), masks.isRemnant(remnant));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("formats")
  void holesAreNothing(EntryFormat format) {
    EntryMasks masks = new EntryMasks(format);
    for (int level = 1; level <= format.maxLevels(); level++) {
      for (int i = 0; i < TIMES; i++) {
        long hole = i == 0 ? 0 : random.nextLong() & ~format.presentMask();
        assertFalse(masks.isPresent(hole) || masks.isDirectory(hole, level));
        assertFalse(masks.isSingle(hole, level));
        assertEquals(format.isRemnant(hole), masks.isRemnant(hole));
      }
      assertFalse(masks.isRemnant(format.statusMask()));
    }
  }

  /** What is asked of any entry, whatever its bits are. */
  @ParameterizedTest
  @MethodSource("formats")
  void partsOfAnyEntryAreTheSame(EntryFormat format) {
    EntryMasks masks = new EntryMasks(format);
    for (int i = 0; i < 10 * TIMES; i++) {
      long entry = random.nextLong();
      assertEquals(format.isPresent(entry), masks.isPresent(entry));
      assertEquals(format.tablePaddr(entry), masks.tablePaddr(entry));
      assertEquals(format.attributesOf(entry), masks.attributesOf(entry));
      assertEquals(format.remnant(entry), masks.remnant(entry));
      assertEquals(format.isRemnant(entry), masks.isRemnant(entry));
    }
  }

  /** Bit 7 is PS above level 1 and PAT there; bit 12 is PAT above (amd-vi.md §2). */
  @Test
  void memoryAttributesAreNoSizes() {
    EntryMasks masks = new EntryMasks(X86.LINUX);
    long page = X86.LINUX.leaf(0x5000, 12, X86.LINUX.attributes(Access.READ_WRITE)) | 1 << 7;
    assertTrue(masks.isSingle(page, 1));
    assertEquals(12, masks.leafSizeLog2(page, 1));
    assertEquals(X86.LINUX.attributesOf(page), masks.attributesOf(page));
    long large = X86.LINUX.leaf(1 << 21, 21, X86.LINUX.attributes(Access.READ_WRITE)) | 1 << 12;
    assertTrue(masks.isSingle(large, 2));
    assertEquals(1 << 21, masks.leafPaddr(large, 2));
    assertEquals(X86.LINUX.leafPaddr(large, 2), masks.leafPaddr(large, 2));
  }

  /** C2 inlines what is not longer than its MaxInlineSize wherever it is called. */
  @Test
  void allOfItIsInlinedEverywhere() throws IOException {
    MethodSizes.of(EntryMasks.class)
        .forEach((name, size) -> {
          if (!name.equals("<init>")) {
            assertTrue(size <= MethodSizes.MAX_INLINE_SIZE, () -> name + " has " + size + " bytes");
          }
        });
  }

  /**
   * As is all that translating an address needs, but for itself, which is inlined where it is hot.
   */
  @Test
  void translatingIsInlined() throws IOException {
    MethodSizes.of(Translator.class)
        .forEach((name, size) -> {
          int most =
              name.equals("translate") ? MethodSizes.FREQ_INLINE_SIZE : MethodSizes.MAX_INLINE_SIZE;
          if (!name.equals("<init>")) {
            assertTrue(size <= most, () -> name + " has " + size + " bytes");
          }
        });
  }

  /** No entry of a leaf table leads to another, whatever its bits are. */
  @ParameterizedTest
  @MethodSource("formats")
  void levelOneHasNoDirectories(EntryFormat format) {
    EntryMasks masks = new EntryMasks(format);
    for (int i = 0; i < TIMES; i++) {
      long entry = random.nextLong();
      assertFalse(masks.isDirectory(entry, 1));
    }
    long page = format.leaf(0x1000, Geometry.PAGE_LOG2, format.attributes(Access.READ_WRITE));
    assertTrue(masks.isLeaf(page, 1) && masks.isSingle(page, 1));
  }
}
