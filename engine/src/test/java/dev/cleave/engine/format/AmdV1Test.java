package dev.cleave.engine.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Every bit of an entry, against values from {@code docs/spec/amd-vi.md} §1. */
class AmdV1Test {
  private static final AmdV1 PLAIN = AmdV1.LINUX;
  private static final AmdV1 ENCRYPTING = AmdV1.LINUX.withEncryptionBit(51);
  private static final int RW = Access.READ_WRITE;

  static IntStream legalSizes() {
    return IntStream.rangeClosed(12, 51).filter(sizeLog2 -> sizeLog2 != 39);
  }

  @ParameterizedTest
  @CsvSource({
    "12, 700a71445dead001, 0, 1",
    "13, 700a71445deace01, 1, 1",
    "14, 700a71445deade01, 2, 1",
    "15, 700a71445deabe01, 3, 1",
    "16, 700a71445dea7e01, 4, 1",
    "17, 700a71445deafe01, 5, 1",
    "18, 700a71445de9fe01, 6, 1",
    "19, 700a71445debfe01, 7, 1",
    "20, 700a71445de7fe01, 8, 1",
    "21, 700a71445de00001, 0, 2",
    "22, 700a71445ddffe01, 1, 2",
    "30, 700a714440000001, 0, 3",
    "31, 700a71443ffffe01, 1, 3",
    "40, 700a717ffffffe01, 1, 4",
    "48, 700a000000000001, 0, 5",
    "51, 700bfffffffffe01, 3, 5"
  })
  void leavesHaveTheBitsOfTheSpecification(
      int sizeLog2, String entry, int replicasLog2, int level) {
    long paddr = 0xa71445dead000L & -(1L << sizeLog2);
    assertEquals(entry, Long.toHexString(PLAIN.leaf(paddr, sizeLog2, PLAIN.attributes(RW))));
    assertEquals(replicasLog2, Geometry.slotsLog2(sizeLog2));
    assertEquals(level, Geometry.leafLevel(sizeLog2));
  }

  private static List<Long> addresses(int sizeLog2, int outputBits) {
    long size = 1L << sizeLog2;
    List<Long> addresses = new ArrayList<>(List.of(0L));
    for (long address :
        new long[] {size, 0xa71445dead000L & -size, (1L << outputBits) - size, 5 * size}) {
      if (address >= 0 && address >>> outputBits == 0) {
        addresses.add(address);
      }
    }
    return addresses;
  }

  private static void assertRoundTrip(AmdV1 format, int sizeLog2, long paddr, int access) {
    long entry = format.leaf(paddr, sizeLog2, format.attributes(access));
    int level = (sizeLog2 - 12) / 9 + 1;
    assertTrue(format.isPresent(entry));
    assertTrue(format.isLeaf(entry, level));
    assertEquals(sizeLog2, format.leafSizeLog2(entry, level));
    assertEquals(paddr, format.leafPaddr(entry, level));
    assertEquals(access, format.access(entry));
    assertEquals(format.attributes(access), format.attributesOf(entry | 0x60));
    assertEquals(0, AmdV1.reservedBits(entry));
  }

  @ParameterizedTest
  @MethodSource("legalSizes")
  void aLeafIsReadBackAsItWasWritten(int sizeLog2) {
    for (long paddr : addresses(sizeLog2, 52)) {
      for (int access = Access.READ; access <= RW; access++) {
        assertRoundTrip(PLAIN, sizeLog2, paddr, access);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("legalSizes")
  void aLeafIsReadBackAsItWasWrittenWhereThereIsAnEncryptionBit(int sizeLog2) {
    for (long paddr : addresses(sizeLog2, 51)) {
      for (int access = Access.READ; access <= RW; access++) {
        assertRoundTrip(ENCRYPTING, sizeLog2, paddr, access);
        assertRoundTrip(ENCRYPTING, sizeLog2, paddr, access | Access.ENCRYPTED);
      }
    }
  }

  @Test
  void leafSizesAreAllPowersOfTwoFrom4KiBTo2To51WithoutTheOneOfTheErratum() {
    long sizes = legalSizes().mapToLong(sizeLog2 -> 1L << sizeLog2).sum();
    assertEquals(sizes, PLAIN.leafSizes());
  }

  @ParameterizedTest
  @ValueSource(ints = {11, 39, 52, 57, 63})
  void sizesThatHardwareDoesNotHaveAreAbsent(int sizeLog2) {
    assertEquals(0, PLAIN.leafSizes() & 1L << sizeLog2);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5})
  void aDirectoryHasBothPermissionsAndNoForcedCoherence(int level) {
    long expected = 0x6000000101b14001L | (long) level << 9;
    assertEquals(expected, PLAIN.directory(0x101b14000L, level));
  }

  @Test
  void aDirectoryIsReadBackAsItWasWritten() {
    long entry = PLAIN.directory(0xfffff_ffff_f000L, 4);
    assertFalse(PLAIN.isLeaf(entry, 5));
    assertEquals(0xfffff_ffff_f000L, PLAIN.tablePaddr(entry));
    assertEquals(4, AmdV1.nextLevel(entry));
  }

  @Test
  void aDirectoryOnAHostWithMemoryEncryptionCarriesTheBitOutsideTheAddress() {
    long entry = ENCRYPTING.directory(0x101b14000L, 1);
    assertEquals(0x6008000101b14201L, entry);
    assertEquals(0x101b14000L, ENCRYPTING.tablePaddr(entry));
  }

  @ParameterizedTest
  @ValueSource(ints = {52, 53, 54, 55, 56, 57, 58})
  void bits58To52AreReservedInLeavesAndDirectories(int bit) {
    assertEquals(1L << bit, AmdV1.reservedBits(0x7000000000001001L | 1L << bit));
    assertEquals(1L << bit, AmdV1.reservedBits(0x7000000000001e01L | 1L << bit));
    assertEquals(1L << bit, AmdV1.reservedBits(0x6000000000001201L | 1L << bit));
  }

  @ParameterizedTest
  @ValueSource(ints = {59, 60})
  void bits60And59AreReservedInDirectoriesOnly(int bit) {
    assertEquals(0, AmdV1.reservedBits(0x6000000000001001L | 1L << bit));
    assertEquals(1L << bit, AmdV1.reservedBits(0x6000000000001201L | 1L << bit));
  }

  @Test
  void onlyThePresentBitMakesAnEntryCount() {
    assertTrue(PLAIN.isPresent(1));
    assertFalse(PLAIN.isPresent(-2));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void otherPermissionsChangeNothingElse(int access) {
    long entry = 0x700a71445dea7e61L; // 64 KiB, accessed and dirty
    long permissions = (long) access << 61;
    assertEquals(0x100a71445dea7e61L | permissions, PLAIN.withPermissions(entry, access));
  }

  @Test
  void statusBitsAreFiveAndSix() {
    assertEquals(0x60, PLAIN.statusMask());
  }

  @Test
  void withoutForcedCoherenceLeavesLackItsBit() {
    AmdV1 format = PLAIN.withoutForcedCoherence();
    assertEquals(0x600a71445dead001L, format.leaf(0xa71445dead000L, 12, format.attributes(RW)));
  }

  @Test
  void outputAddressesEndBelowTheEncryptionBit() {
    assertEquals(47, PLAIN.withEncryptionBit(47).outputBits());
  }

  @Test
  void leavesEndAtTheEncryptionBit() {
    long sizes = PLAIN.withEncryptionBit(47).leafSizes();
    assertNotEquals(0, sizes & 1L << 47);
    assertEquals(0, sizes >>> 48);
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
}
