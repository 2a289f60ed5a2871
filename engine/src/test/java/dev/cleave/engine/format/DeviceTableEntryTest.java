package dev.cleave.engine.format;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.DeviceTableEntry.Kind;
import java.util.LinkedHashMap;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Entries that real kernels wrote, and each kind made by hand from {@code docs/spec/amd-vi.md} §3.
 */
class DeviceTableEntryTest {
  @ParameterizedTest
  @CsvSource({
    "0346b10101000060010000000000000001000000000000000000000000000000, 101b14000, 3, 1",
    "0376b1010100006002000000000000001380fb01010000200000000000000000, 101b17000, 3, 2",
    "03ccef0201000060180000000000000001000000000000000000000000000000, 102efc000, 6, 24",
    "0316e90201000060160000000000000001000000000000000000000000000000, 102e91000, 3, 22",
    "03e6e10001000060020000000000000000000000000000000000000000000000, 100e1e000, 3, 2",
    "03e89c0301000060140000000000000000000000000000000000000000000000, 1039ce000, 4, 20"
  })
  void entriesOfRealKernelsAreRead(String hex, String root, int levels, int domain) {
    DeviceTableEntry entry = DeviceTableEntry.parse(hex);
    assertEquals(Kind.V1, entry.kind());
    assertEquals(root, Long.toHexString(entry.root()));
    assertEquals(levels, entry.levels());
    assertEquals(domain, entry.domainId());
    assertEquals(Access.READ_WRITE, entry.access());
    assertEquals(hex, entry.toHex());
  }

  @Test
  void theEntryOfARealKernelIsMadeAgain() {
    assertEquals(
        "03e6e10001000060020000000000000000000000000000000000000000000000",
        DeviceTableEntry.v1(0x100e1e000L, 3, 2).toHex());
  }

  @Test
  void statusUpdatesChangeHadAndNothingElse() {
    DeviceTableEntry entry = DeviceTableEntry.v1(0x100e1e000L, 3, 2);
    DeviceTableEntry updating = entry.withStatusUpdates();
    assertEquals(3, updating.fields().get("HAD"));
    var fields = new LinkedHashMap<>(updating.fields());
    fields.put("HAD", 0L);
    assertEquals(entry.fields(), fields);
  }

  @ParameterizedTest
  @CsvSource({
    "0, INVALID",
    "2, INVALID",
    "6000000101b14602, INVALID",
    "1, BLOCKED",
    "6000000101b14601, BLOCKED",
    "3, PASSTHROUGH",
    "6000000000000003, PASSTHROUGH",
    "6000000101b14203, V1",
    "6000000101b14c03, V1",
    "6000000101b14e03, RESERVED_MODE",
    "6080000000000003, V2",
    "6080000101b14603, V2"
  })
  void theFirstWordSaysTheKind(String word, Kind kind) {
    assertEquals(kind, new DeviceTableEntry(Long.parseUnsignedLong(word, 16), 0, 0, 0).kind());
  }

  @Test
  void theDomainIsTheLowHalfOfTheSecondWordsFirstQuarter() {
    assertEquals(0xffff, new DeviceTableEntry(0, -1, 0, 0).domainId());
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "61, 1", "62, 2"})
  void permissionsAreBits61And62(int bit, int access) {
    assertEquals(access, new DeviceTableEntry(1L << bit, 0, 0, 0).access());
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 63})
  void reservedBitsOfTheFirstWordAreFound(int bit) {
    long word = 0x6000000101b14603L;
    assertEquals(1L << bit, new DeviceTableEntry(word | 1L << bit, 0, 0, 0).reservedBits());
  }

  @Test
  void everyWordKeepsItsPlaceInHex() {
    String hex = "ffeeddccbbaa9988000102030405060710203040506070809fafbfcfdfefff0f";
    DeviceTableEntry entry = DeviceTableEntry.parse(hex);
    assertEquals(0x8899aabbccddeeffL, entry.q0());
    assertEquals(0x0fffefdfcfbfaf9fL, entry.q3());
    assertEquals(hex, entry.toHex());
  }

  @Test
  void capitalDigitsAreRead() {
    String hex = "0346b10101000060010000000000000001000000000000000000000000000000";
    assertEquals(DeviceTableEntry.parse(hex), DeviceTableEntry.parse(hex.toUpperCase(Locale.ROOT)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "03",
        "0346b1010100006001000000000000000100000000000000000000000000000",
        "0346b101010000600100000000000000010000000000000000000000000000000",
        "0x46b10101000060010000000000000001000000000000000000000000000000",
        "-346b10101000060010000000000000001000000000000000000000000000000"
      })
  void whatIsNot64HexDigitsIsRefused(String hex) {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> DeviceTableEntry.parse(hex));
    assertEquals(
        "a device table entry is 64 hex digits, got \"" + hex + "\"", refusal.getMessage());
  }

  @Test
  void anEntryLiesAtThirtyTwoTimesItsDevice() {
    assertEquals(0x4800_0000L + 0x90 * 32, DeviceTableEntry.paddrOf(0x4800_0001L, 0x90));
  }

  /** Each bit of an address, and where {@code docs/spec/amd-vi.md} §3 puts it in the 256. */
  private static int gcr3RootBit(int addressBit) {
    if (addressBit < 15) {
      return addressBit - 12 + 58;
    }
    return addressBit < 31 ? addressBit - 15 + 80 : addressBit - 31 + 107;
  }

  @Test
  void everyBitOfTheGcr3RootHasItsPlace() {
    DeviceTableEntry plain = DeviceTableEntry.passthrough(0).withGuestTables(0, 1, 4);
    for (int bit = 12; bit < 52; bit++) {
      long root = 1L << bit;
      DeviceTableEntry entry = DeviceTableEntry.passthrough(0).withGuestTables(root, 1, 4);
      int place = gcr3RootBit(bit);
      long[] words = {plain.q0(), plain.q1(), plain.q2(), plain.q3()};
      words[place / 64] |= 1L << (place % 64);
      assertEquals(new DeviceTableEntry(words[0], words[1], words[2], words[3]), entry);
      assertEquals(root, entry.gcr3Root());
    }
  }

  @ParameterizedTest
  @CsvSource({"1, 4, 60c0000000000003, 0", "2, 5, 61c0000000000003, 40000000000000"})
  void guestTablesSetTheirFieldsAndNothingElse(int gcr3, int levels, String q0, String q2) {
    DeviceTableEntry entry = DeviceTableEntry.passthrough(7).withGuestTables(0, gcr3, levels);
    assertEquals(q0, Long.toHexString(entry.q0()));
    assertEquals(7, entry.q1());
    assertEquals(q2, Long.toHexString(entry.q2()));
    assertEquals(gcr3, entry.gcr3Levels());
    assertEquals(levels, entry.guestLevels());
    assertTrue(entry.usesGuestTableWithoutPasid());
  }

  @Test
  void guestTablesLieOverTheHostTableThatWasThere() {
    DeviceTableEntry entry = DeviceTableEntry.v1(0x5000, 3, 7).withGuestTables(0x9000, 3, 5);
    assertEquals(Kind.V2, entry.kind());
    assertTrue(entry.hasHostTable());
    assertEquals(0x5000, entry.root());
    assertEquals(3, entry.levels());
    assertEquals(7, entry.domainId());
  }

  @ParameterizedTest
  @CsvSource({"0, 4", "4, 4", "1, 3", "1, 6"})
  void guestTablesOfLevelsThatThereAreNotAreRefused(int gcr3Levels, int guestLevels) {
    DeviceTableEntry entry = DeviceTableEntry.passthrough(0);
    assertThrows(
        IllegalArgumentException.class, () -> entry.withGuestTables(0, gcr3Levels, guestLevels));
  }

  @ParameterizedTest
  @CsvSource({"0, false", "1, true", "6, true", "7, false"})
  void aHostTableHasOneToSixLevels(int levels, boolean hasHost) {
    DeviceTableEntry entry = DeviceTableEntry.v1(0x5000, levels, 7);
    assertEquals(hasHost, entry.hasHostTable());
    assertEquals(hasHost, entry.withGuestTables(0, 1, 4).hasHostTable());
    assertEquals(levels == 7, entry.hasReservedMode());
  }

  @Test
  void everyFieldIsFoundByTheNameThatTheSpecificationHasForIt() {
    DeviceTableEntry entry =
        new DeviceTableEntry(0x6000000000004603L, 0x38, 0x20000001373b8013L, 1L << 55);
    var set = new LinkedHashMap<>(entry.fields());
    set.values().removeIf(value -> value == 0);
    assertEquals(
        "{V=1, TV=1, Mode=3, IR=1, IW=1, DomainID=56, IV=1, IntTabLen=9, IntCtl=2, Mode0FC=1,"
            + " HostRoot=16384, InterruptRoot=5221613568}",
        set.toString());
    var wide = new DeviceTableEntry(-1, -1, -1, -1).fields();
    assertEquals(0xFF, wide.get("SnoopAttribute"));
    assertEquals(0xFFFF, wide.get("DomainID"));
    assertEquals(entry.gcr3Root(), entry.fields().get("GCR3Root"));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0101b14603",
    "1, 2000000101b14603",
    "2, 4000000101b14603",
    "3, 6000000101b14603",
    "4, 0101b14603"
  })
  void otherPermissionsReplaceThoseThatWereThere(int access, String word) {
    long expected = Long.parseUnsignedLong(word, 16);
    DeviceTableEntry all = new DeviceTableEntry(0x6000000101b14603L, 5, 6, 7);
    DeviceTableEntry none = new DeviceTableEntry(0x0000000101b14603L, 5, 6, 7);
    assertEquals(new DeviceTableEntry(expected, 5, 6, 7), all.withAccess(access));
    assertEquals(new DeviceTableEntry(expected, 5, 6, 7), none.withAccess(access));
  }

  @ParameterizedTest
  @CsvSource({"54, true", "53, false", "55, false"})
  void bit54SaysWhetherTheGuestTableServesRequestsWithoutPasid(int bit, boolean uses) {
    assertEquals(uses, new DeviceTableEntry(1L << bit, 0, 0, 0).usesGuestTableWithoutPasid());
  }
}
