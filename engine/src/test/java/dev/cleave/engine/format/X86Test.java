package dev.cleave.engine.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every bit of an entry, against values from {@code docs/spec/amd-vi.md} §2. */
class X86Test {
  private static final X86 PLAIN = X86.LINUX;
  private static final X86 CLEAN = X86.LINUX.withHardwareStatus();
  private static final int R = Access.READ;
  private static final int RW = Access.READ_WRITE;
  private static final int NX = Access.NO_EXECUTE;

  /** What a leaf says, read once more from the specification: no number is shared with X86. */
  private record Decoded(
      boolean present,
      boolean leaf,
      boolean writable,
      boolean user,
      boolean accessed,
      boolean dirty,
      boolean executable,
      boolean encrypted,
      long paddr,
      long rest) {

    static Decoded of(long entry, int level, int encryptionBit) {
      String bits = "%64s".formatted(Long.toBinaryString(entry)).replace(' ', '0');
      boolean large = level > 1;
      long size = level == 1 ? 4096 : level == 2 ? 2097152 : 1073741824;
      long address = Long.parseLong(bits.substring(12, 52), 2) * 4096;
      boolean encrypted = encryptionBit != 0 && bit(bits, encryptionBit);
      if (encrypted) {
        address -= 1L << encryptionBit;
      }
      long known = Long.parseUnsignedLong("8000000000000067", 16) + (large ? 0x80 : 0);
      return new Decoded(
          bit(bits, 0),
          !large || bit(bits, 7),
          bit(bits, 1),
          bit(bits, 2),
          bit(bits, 5),
          bit(bits, 6),
          !bit(bits, 63),
          encrypted,
          address / size * size,
          (entry & ~known & 0xFFF0000000000FFFL) + address % size);
    }

    private static boolean bit(String bits, int position) {
      return bits.charAt(63 - position) == '1';
    }
  }

  /** Where leaves stand, and in which variant of the format. */
  record Place(boolean born, int encryptionBit, int level) {
    /** With status from birth or without. */
    X86 format() {
      X86 format = born ? PLAIN : CLEAN;
      return encryptionBit == 0 ? format : format.withEncryptionBit(encryptionBit);
    }

    int sizeLog2() {
      return 12 + 9 * (level - 1);
    }

    long[] addresses() {
      long size = 1L << sizeLog2();
      long end = 1L << (encryptionBit == 0 ? 52 : encryptionBit);
      return new long[] {0, size, (0xa71445dead000L & (end - 1)) / size * size, end - size};
    }

    /** Does something with every leaf that can stand there. */
    void forEach(LeafCheck check) {
      for (long paddr : addresses()) {
        for (int access : new int[] {R, RW, R | NX, RW | NX}) {
          for (long status : new long[] {0, 0x20, 0x40, 0x60}) {
            checkOne(paddr, access, status, check);
            if (encryptionBit != 0) {
              checkOne(paddr, access | Access.ENCRYPTED, status, check);
            }
          }
        }
      }
    }

    private void checkOne(long paddr, int access, long status, LeafCheck check) {
      long attributes = format().attributes(access) | status;
      check.check(format().leaf(paddr, sizeLog2(), attributes), paddr, access, status);
    }
  }

  /** Looks at a leaf that was made of these parts. */
  @FunctionalInterface
  interface LeafCheck {
    void check(long entry, long paddr, int access, long status);
  }

  static Stream<Place> places() {
    return IntStream.of(0, 32, 47, 51)
        .boxed()
        .flatMap(bit ->
            IntStream.rangeClosed(1, 3)
                .boxed()
                .flatMap(
                    level -> Stream.of(new Place(true, bit, level), new Place(false, bit, level))));
  }

  @ParameterizedTest
  @MethodSource("places")
  void aLeafSaysWhatWasAskedFor(Place at) {
    at.forEach((entry, paddr, access, status) -> {
      boolean writes = (access & Access.WRITE) != 0;
      Decoded wanted =
          new Decoded(
              true,
              true,
              writes,
              true,
              at.born() || (status & 0x20) != 0,
              (at.born() && writes) || (status & 0x40) != 0,
              (access & NX) == 0,
              (access & Access.ENCRYPTED) != 0,
              paddr,
              0);
      assertEquals(wanted, Decoded.of(entry, at.level(), at.encryptionBit()));
    });
  }

  @ParameterizedTest
  @MethodSource("places")
  void aLeafIsReadBackAsItWasWritten(Place at) {
    X86 format = at.format();
    at.forEach((entry, paddr, access, _) -> {
      assertTrue(format.isPresent(entry));
      assertTrue(format.isLeaf(entry, at.level()));
      assertEquals(at.sizeLog2(), format.leafSizeLog2(entry, at.level()));
      assertEquals(paddr, format.leafPaddr(entry, at.level()));
      assertEquals(access, format.access(entry));
      assertEquals(0, X86.reservedBits(entry, at.level()));
      long again = format.leaf(paddr, at.sizeLog2(), format.attributesOf(entry));
      assertEquals(entry & ~0x60L, again);
    });
  }

  @ParameterizedTest
  @CsvSource({
    "12, 1, a71445dead067",
    "12, 0, a71445dead025",
    "21, 1, a71445de000e7",
    "21, 0, a71445de000a5",
    "30, 1, a7144400000e7",
    "30, 0, a7144400000a5"
  })
  void leavesHaveTheLowBitsThatLinuxWrites(int sizeLog2, int writes, String entry) {
    long paddr = 0xa71445dead000L & -(1L << sizeLog2);
    int access = writes == 1 ? RW : R;
    assertEquals(entry, Long.toHexString(PLAIN.leaf(paddr, sizeLog2, PLAIN.attributes(access))));
  }

  @Test
  void aLeafWithoutExecutionHasItsHighestBit() {
    long entry = PLAIN.leaf(0xa71445dead000L, 12, PLAIN.attributes(RW | NX));
    assertEquals(0x800a71445dead067L, entry);
  }

  @Test
  void aLeafThatHardwareIsToMarkIsBornWithoutStatus() {
    assertEquals(0x5007, CLEAN.leaf(0x5000, 12, CLEAN.attributes(RW)));
    assertEquals(0x200085, CLEAN.leaf(0x200000, 21, CLEAN.attributes(R)));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4})
  void aDirectoryHasTheLowBitsThatLinuxWritesAtEveryLevel(int tableLevel) {
    assertEquals(0x101b14027L, PLAIN.directory(0x101b14000L, tableLevel));
  }

  @Test
  void aDirectoryThatHardwareIsToMarkIsBornWithoutStatus() {
    assertEquals(0x101b14007L, CLEAN.directory(0x101b14000L, 1));
  }

  @Test
  void aDirectoryIsReadBackAsItWasWritten() {
    long entry = PLAIN.directory(0xfffff_ffff_f000L, 3);
    assertFalse(PLAIN.isLeaf(entry, 4));
    assertEquals(0xfffff_ffff_f000L, PLAIN.tablePaddr(entry));
  }

  @Test
  void aDirectoryOnAHostWithMemoryEncryptionCarriesTheBitOutsideTheAddress() {
    X86 encrypting = PLAIN.withEncryptionBit(51);
    long entry = encrypting.directory(0x101b14000L, 1);
    assertEquals(0x8000101b14027L, entry);
    assertEquals(0x101b14000L, encrypting.tablePaddr(entry));
  }

  @Test
  void theSizeBitMakesALeafAtLevelsTwoAndThree() {
    assertFalse(PLAIN.isLeaf(0x200027, 2));
    assertFalse(PLAIN.isLeaf(0x200027, 3));
    assertTrue(PLAIN.isLeaf(0x2000a7, 2));
    assertTrue(PLAIN.isLeaf(0x400000a7, 3));
  }

  @Test
  void atLevelOneTheSameBitIsAnAttributeAndNoSize() {
    assertTrue(PLAIN.isLeaf(0x5025, 1));
    assertEquals(12, PLAIN.leafSizeLog2(0x50a5, 1));
    assertEquals(0x5000, PLAIN.leafPaddr(0x50a5, 1));
  }

  @Test
  void theAttributeBitOfALargeLeafIsNotInItsAddress() {
    assertEquals(0x200000, PLAIN.leafPaddr(0x2010a5, 2));
    assertEquals(0, X86.reservedBits(0x2010a5, 2));
  }

  @ParameterizedTest
  @CsvSource({"4, 1000a7, 80", "5, 1000a7, 80", "2, 3020a5, 102000", "3, 602000a5, 20200000"})
  void aSizeBitTooHighAndAddressBitsBelowTheSizeAreReserved(int level, String entry, String bits) {
    long reserved = X86.reservedBits(Long.parseLong(entry, 16), level);
    assertEquals(bits, Long.toHexString(reserved));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void nothingIsReservedInADirectoryOrInASmallLeaf(int level) {
    assertEquals(0, X86.reservedBits(0x7ff0000000000f7fL, level));
  }

  @Test
  void onlyThePresentBitMakesAnEntryCount() {
    assertTrue(PLAIN.isPresent(1));
    assertFalse(PLAIN.isPresent(-2));
  }

  @Test
  void otherPermissionsChangeNothingElse() {
    long entry = 0x7ff0a71445deae1dL; // all software bits, write-through and uncached
    assertEquals(entry, CLEAN.withPermissions(entry, R));
    assertEquals(entry | 2, CLEAN.withPermissions(entry, RW));
    assertEquals(entry | 1L << 63, CLEAN.withPermissions(entry, R | NX));
    assertEquals(entry, CLEAN.withPermissions(entry | 2 | 1L << 63, R));
  }

  @Test
  void aLeafThatMayBeWrittenAgainIsDirtyAsIfItWereNew() {
    assertEquals(0x5067, PLAIN.withPermissions(0x5025, RW));
    assertEquals(0x5007, CLEAN.withPermissions(0x5005, RW));
  }

  @Test
  void aLeafThatMayNoLongerBeWrittenStaysDirty() {
    assertEquals(0x5065, PLAIN.withPermissions(0x5067, R));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3, 5, 7, 9, 11, 13, 15})
  void whatCanBeReadCanBeExpressed(int access) {
    assertTrue(PLAIN.canExpress(access));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2, 4, 6, 8, 10, 12, 14, 17, 19, -1})
  void whatCannotBeReadOrHasUnknownFlagsCannotBeExpressed(int access) {
    assertFalse(PLAIN.canExpress(access));
  }

  @Test
  void statusBitsAreFiveAndSix() {
    assertEquals(0x60, PLAIN.statusMask());
  }

  @Test
  void leavesAreOf4KiB2MiBAnd1GiB() {
    assertEquals(0x40201000L, PLAIN.leafSizes());
    assertEquals(0x40201000L, PLAIN.withEncryptionBit(32).leafSizes());
  }

  @Test
  void aTopOfFourOrFiveLevelsDoesNotGrow() {
    assertEquals(4, PLAIN.minLevels());
    assertEquals(5, PLAIN.maxLevels());
    assertFalse(PLAIN.canGrow());
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 0, 12, 31, 52, 63})
  void anEncryptionBitOutsideTheAddressIsRefused(int bit) {
    assertThrows(IllegalArgumentException.class, () -> PLAIN.withEncryptionBit(bit));
  }

  @Test
  void anEncryptedLeafNeedsAnEncryptionBit() {
    assertThrows(IllegalArgumentException.class, () -> PLAIN.attributes(RW | Access.ENCRYPTED));
  }

  @Test
  void attributesAreWhatIsLeftWithoutAddressSizeAndStatus() {
    long larger = 0x8000_0000_4000_00e7L; // NX, address, PS, D, A, U, W, P
    assertEquals(0x8000_0000_0000_0007L, PLAIN.attributesOf(larger));
    assertEquals(0x8000_0000_0000_0007L, PLAIN.withHardwareStatus().attributesOf(larger));
  }
}
