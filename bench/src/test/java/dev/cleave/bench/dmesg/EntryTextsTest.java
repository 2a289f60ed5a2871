package dev.cleave.bench.dmesg;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.dmesg.EntryTexts.Found;
import dev.cleave.bench.dmesg.EntryTexts.Order;
import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Mutants;
import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.DeviceTableEntry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Device table entries in every form that people have, which is the same entry. */
class EntryTextsTest {
  private static final DeviceTableEntry ENTRY =
      new DeviceTableEntry(0x6000000000004603L, 0x38, 0x20000001373b8013L, 0);
  private static final String DMESG =
      """
      [   12.1] AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=0000:01:00.0 pasid=0x00000 \
      address=0xfffffffdf8000000 flags=0x0080]
      [   12.1] AMD-Vi: Control Reg : 0x5a0b0d1
      [   12.1] AMD-Vi: DTE[0]: 6000000000004603
      [   12.1] AMD-Vi: DTE[1]: 0000000000000038
      [   12.1] AMD-Vi: DTE[2]: 20000001373b8013
      [   12.1] AMD-Vi: DTE[3]: 0000000000000000
      """;

  private static Found only(String text) {
    List<Found> found = EntryTexts.parse("text", text, null);
    assertEquals(1, found.size());
    return found.getFirst();
  }

  private static String refusal(String text) {
    return assertThrows(BadInput.class, () -> EntryTexts.parse("text", text, null)).getMessage();
  }

  @Test
  void aRowOfDebugfsIsHighQuadwordFirst() throws IOException {
    Found found = only(Files.readString(Path.of("src/test/resources/cases/dte-debugfs.txt")));
    assertEquals(new Found(DeviceId.parse("01:00.0"), ENTRY, null), found);
    assertEquals(56, found.entry().domainId());
    assertEquals(0x4000, found.entry().root());
    assertEquals(3, found.entry().levels());
  }

  @Test
  void dmesgIsLowQuadwordFirstAndOfTheDeviceOfTheEvent() {
    assertEquals(new Found(DeviceId.parse("01:00.0"), ENTRY, null), only(DMESG));
  }

  @Test
  void hexDigitsAreBytesInMemory() {
    assertEquals(new Found(null, ENTRY, null), only(ENTRY.toHex()));
    assertEquals(new Found(null, ENTRY, null), only(ENTRY.toHex() + "\n"));
  }

  @Test
  void quadwordsAreReadInTheOrderThatMakesSense() {
    String high = "0000000000000000 20000001373b8013 0000000000000038 6000000000004603";
    String low = "0x6000000000004603, 0x38, 0x20000001373b8013, 0x0";
    assertEquals(new Found(null, ENTRY, null), only(high));
    assertEquals(new Found(null, ENTRY, null), only(low));
  }

  @ParameterizedTest
  @ValueSource(strings = {"6000000000004603 0 0 6000000000005603", "0 0 0 0", "0 1 2 4"})
  void quadwordsThatMakeSenseInBothOrdersOrNoneAreAskedAbout(String text) {
    assertTrue(refusal(text).contains("--dte-order"), refusal(text));
    var low = EntryTexts.parse("text", text, Order.LOW_FIRST).getFirst().entry();
    var high = EntryTexts.parse("text", text, Order.HIGH_FIRST).getFirst().entry();
    assertEquals(new DeviceTableEntry(low.q3(), low.q2(), low.q1(), low.q0()), high);
  }

  @ParameterizedTest
  @CsvSource({
    "000000000000000020000001373b801300000000000000386000000000004603, high first",
    "6000000000004603000000000000003820000001373b80130000000000000000, low first"
  })
  void quadwordsWrittenTogetherAreBytesAndSaidToBeDoubtful(String text, String order) {
    Found found = only(text);
    assertEquals(DeviceTableEntry.Kind.INVALID, found.entry().kind());
    assertTrue(
        found.doubt().contains(order) && found.doubt().contains("domain 56, root 0x4000"),
        found.doubt());
  }

  @Test
  void anEntryThatIsMeantToBeInvalidIsNotDoubtful() {
    assertNull(only("0".repeat(64)).doubt());
  }

  @Test
  void everyRowOfADeviceTableIsFound() {
    String row = " 0000000000000000 0000000000000000 0000000000000000 6000000000000003 iommu1\n";
    List<Found> found = EntryTexts.parse("t", "0000:00:01.0" + row + "0001:40:00.1" + row, null);
    assertEquals(
        List.of(new DeviceId(0, 8), new DeviceId(1, 0x4001)),
        found.stream().map(Found::device).toList());
  }

  @Test
  void anEntryThatIsNotWholeIsRefusedWithItsLine() {
    List<String> lines = DMESG.lines().toList();
    assertTrue(
        refusal(String.join("\n", lines.subList(0, 5))).startsWith("text:5: the entry ends"));
    String gap = String.join("\n", lines.get(2), lines.get(4));
    assertTrue(refusal(gap).startsWith("text:2: DTE[2] where DTE[1] is expected"), refusal(gap));
    assertTrue(refusal(lines.get(3)).startsWith("text:1: DTE[1] where DTE[0]"));
    assertTrue(refusal("no entry").contains("no device table entry"));
    assertTrue(refusal("03").contains("no device table entry"));
  }

  @Test
  void whateverATextHoldsItIsReadOrRefused() {
    Mutants.feedText(
        List.of(
            DMESG,
            ENTRY.toHex(),
            "0000000000000000 20000001373b8013 0000000000000038 6000000000004603",
            "0000:01:00.0 0000000000000000 20000001373b8013 0000000000000038 6000000000004603 i"),
        input -> EntryTexts.parse("text", new String(input, StandardCharsets.ISO_8859_1), null));
  }
}
