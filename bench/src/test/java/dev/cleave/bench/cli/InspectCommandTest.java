package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.image.Tables;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What inspect prints and writes, on an image of two domains with a device table. */
class InspectCommandTest {
  private static final long DEVICE_TABLE = 0x80_0000;
  private static final long ROOT_1 = 0x1000;
  private static final long ROOT_2 = 0x2000;
  private static final DeviceId FIRST = DeviceId.parse("00:01.0");
  private static final DeviceId SECOND = DeviceId.parse("00:02.0");
  private static final DeviceId IDLE = DeviceId.parse("00:03.0");

  @TempDir Path temporary;

  private final Tables tables = new Tables();
  private final LinkedHashMap<DeviceId, DeviceTableEntry> devices = new LinkedHashMap<>();

  @BeforeEach
  void twoDomains() {
    tables.leaf(ROOT_1, 4, 0x4000, 14).leaf(ROOT_2, 0, 0x1_0000, 12);
    put(FIRST, DeviceTableEntry.v1(ROOT_1, 1, 1));
    put(SECOND, DeviceTableEntry.v1(ROOT_2, 1, 2));
    put(IDLE, new DeviceTableEntry(1, 0, 0, 0));
  }

  private void put(DeviceId device, DeviceTableEntry entry) {
    devices.put(device, entry);
    inMemory(device, entry);
  }

  private void inMemory(DeviceId device, DeviceTableEntry entry) {
    tables.set(DEVICE_TABLE, 4 * device.value(), entry.q0());
    tables.set(DEVICE_TABLE, 4 * device.value() + 1, entry.q1());
  }

  private Path image(DeviceId... ofSecondDomain) {
    return tables.write(
        temporary.resolve("image"),
        new Manifest(
            OptionalLong.of(DEVICE_TABLE | 1),
            devices,
            List.of(
                new Manifest.Domain(1, ROOT_1, 1, List.of(FIRST)),
                new Manifest.Domain(2, ROOT_2, 1, List.of(ofSecondDomain)))));
  }

  @Test
  void theSummaryNamesDomainsAndDevicesWithoutATable() {
    String out = Cleave.run("inspect", image(SECOND)).out();
    assertTrue(out.contains("domain 1  root 0x1000  levels 1  devices 00:01.0"), out);
    assertTrue(out.contains("leaves 1 (1 x 16K), mapped 16384 bytes"), out);
    assertTrue(out.contains("device 00:03.0  blocked"), out);
  }

  @Test
  void severalDomainsPutTheirIdAndRootBeforeEachRowAndOneDoesNot() throws IOException {
    Path leaves = temporary.resolve("leaves.csv");
    Cleave.run("inspect", image(SECOND), "--leaves", leaves);
    assertEquals(
        """
        domain_id,root,iova,phys,size,perm,raw_pte_hex,level,next_level_field,slots,index
        1,0x1000,0x4000,0x4000,0x4000,rw,0x7000000000005e01,1,7,4,4
        2,0x2000,0x0,0x10000,0x1000,rw,0x7000000000010001,1,0,1,0
        """,
        Files.readString(leaves));
    Cleave.run("inspect", image(SECOND), "--devid", FIRST, "--leaves", leaves);
    assertEquals(
        """
        iova,phys,size,perm,raw_pte_hex,level,next_level_field,slots,index
        0x4000,0x4000,0x4000,rw,0x7000000000005e01,1,7,4,4
        """,
        Files.readString(leaves));
  }

  @Test
  void permissionsAreThoseOfTheEntryInMemoryAndTheDisagreementIsAnError() throws IOException {
    DeviceTableEntry entry = devices.get(SECOND);
    long write = 1L << 62;
    inMemory(SECOND, new DeviceTableEntry(entry.q0() & ~write, entry.q1(), entry.q2(), entry.q3()));
    Path leaves = temporary.resolve("leaves.csv");
    Cleave.Result result = Cleave.run("inspect", image(SECOND), "--audit", "--leaves", leaves);
    assertEquals(1, result.code());
    assertTrue(
        result.out().contains("error device-table domain 2: device 00:02.0: memory has"),
        result.out());
    assertTrue(Files.readString(leaves).contains("2,0x2000,0x0,0x10000,0x1000,r,"));
  }

  @Test
  void anEntryForAnotherTableThanTheManifestsIsAnError() {
    put(SECOND, DeviceTableEntry.v1(ROOT_1, 1, 2));
    Cleave.Result result = Cleave.run("inspect", image(SECOND), "--audit");
    assertEquals(1, result.code());
    assertTrue(result.out().contains("error device-table domain 2"), result.out());
  }

  @Test
  void reservedBitsOfADeviceTableEntryAreAnError() {
    DeviceTableEntry entry = devices.get(SECOND);
    put(SECOND, new DeviceTableEntry(entry.q0() | 1L << 63, entry.q1(), 0, 0));
    Cleave.Result result = Cleave.run("inspect", image(SECOND), "--audit");
    assertEquals(1, result.code());
    assertTrue(result.out().contains("bits 0x8000000000000000"), result.out());
  }

  @Test
  void devicesOfOneDomainWithDifferentPermissionsAreAWarning() {
    DeviceTableEntry entry = devices.get(SECOND);
    long permissions = 3L << 61;
    put(IDLE, new DeviceTableEntry(entry.q0() & ~permissions, entry.q1(), 0, 0));
    Cleave.Result result = Cleave.run("inspect", image(SECOND, IDLE), "--audit");
    assertEquals(0, result.code(), result.out());
    assertTrue(result.out().contains("warning device-permissions domain 2"), result.out());
  }

  @Test
  void aFindingNamesItsRuleAndItsPlaceOnOneLine() {
    tables.change(ROOT_2, 0, entry -> entry | 1L << 52);
    Cleave.Result result = Cleave.run("inspect", image(SECOND), "--audit");
    assertEquals(1, result.code());
    assertTrue(
        result
            .out()
            .contains(
                "error reserved-bits domain 2 table 0x2000 level 1 index 0 iova 0x0 entry"
                    + " 0x7010000000010001: bits 0x10000000000000 must be zero\n"),
        result.out());
    assertTrue(Cleave.run("inspect", image(SECOND)).out().contains("ERRORS: 1"));
  }

  @Test
  void lookupsShowTheWalkInEachDomain() {
    String out = Cleave.run("inspect", image(SECOND), "--lookup", "0x6123", "--lookup", "1G").out();
    assertTrue(
        out.contains(
            """
            lookup 0x6123 in domain 1
              level 1  table 0x1000  index 6  entry 0x7000000000005e01
              -> paddr 0x6123 perm rw size 0x4000
            """),
        out);
    assertTrue(
        out.contains(
            """
            lookup 0x40000000 in domain 2
              -> does not translate: a table of 1 levels does not reach it
            """),
        out);
  }

  @Test
  void jsonHoldsWhatIsPrinted() throws IOException {
    tables.change(ROOT_2, 0, entry -> entry | 1L << 52);
    Path file = temporary.resolve("out.json");
    Cleave.run("inspect", image(SECOND), "--audit", "--lookup", "0x6123", "--json", file);
    JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    JsonObject first = json.getAsJsonArray("domains").get(0).getAsJsonObject();
    JsonObject second = json.getAsJsonArray("domains").get(1).getAsJsonObject();
    assertEquals(1, json.get("errors").getAsInt());
    assertEquals(16384, first.get("mappedBytes").getAsLong());
    assertEquals(
        "0x6123",
        first.getAsJsonArray("lookups").get(0).getAsJsonObject().get("paddr").getAsString());
    assertEquals(
        "reserved-bits",
        second.getAsJsonArray("findings").get(0).getAsJsonObject().get("rule").getAsString());
  }

  @Test
  void aManifestWithoutDomainsNeedsAChoiceOfTable() {
    Manifest empty = new Manifest(OptionalLong.empty(), devices, List.of());
    Path image = tables.write(temporary.resolve("image"), empty);
    assertEquals(2, Cleave.run("inspect", image).code());
    assertEquals(0, Cleave.run("inspect", image, "--root", ROOT_1, "--mode", 1).code());
  }

  @Test
  void theEncryptionBitIsNotPartOfAnAddress() throws IOException {
    AmdV1 encrypted = AmdV1.LINUX.withEncryptionBit(47);
    long attributes = encrypted.attributes(Access.READ_WRITE | Access.ENCRYPTED);
    tables.set(ROOT_2, 0, encrypted.leaf(0x9000, 12, attributes));
    Path leaves = temporary.resolve("leaves.csv");
    Cleave.run("inspect", image(SECOND), "--c-bit", 47, "--devid", SECOND, "--leaves", leaves);
    assertTrue(Files.readString(leaves).contains("0x0,0x9000,0x1000,rw,0x7000800000009001"));
  }

  @Test
  void aDeviceMayBeNamedWithItsSegmentAndAnEntryAsPeopleHaveIt() {
    Path image = image(SECOND);
    String plain = Cleave.run("inspect", image, "--devid", "00:01.0").out();
    assertTrue(plain.contains("root 0x1000  levels 1  devices 00:01.0  perm rw\n"), plain);
    assertEquals(plain, Cleave.run("inspect", image, "--devid", "0000:00:01.0").out());
    Cleave.Result other = Cleave.run("inspect", image, "--devid", "0001:00:01.0");
    assertTrue(other.err().contains("PCI segment 0"), other.err());
    DeviceTableEntry entry = devices.get(FIRST);
    String row =
        "0001:00:01.0 0000000000000000 0000000000000000 %016x %016x iommu0"
            .formatted(entry.q1(), entry.q0());
    assertEquals(
        plain.replace("00:01.0", "0001:00:01.0"), Cleave.run("inspect", image, "--dte", row).out());
    assertEquals(
        plain.replace("  devices 00:01.0", ""),
        Cleave.run("inspect", image, "--dte", entry.toHex()).out());
  }

  @Test
  void theEntryOfTheCaseIsReadFromItsFile() {
    Cleave.Result result =
        Cleave.run("inspect", image(SECOND), "--dte", "src/test/resources/cases/dte-debugfs.txt");
    assertTrue(
        result.out().startsWith("domain 56  root 0x4000  levels 3  devices 01:00.0  perm rw\n"),
        result.out());
    assertEquals(1, result.code(), "its root is in no image of ours");
  }

  @Test
  void anEntryThatMakesSenseOnlyInAnotherOrderSaysSo() {
    DeviceTableEntry entry = devices.get(FIRST);
    String joined = "%032x%016x%016x".formatted(0, entry.q1(), entry.q0());
    Cleave.Result result = Cleave.run("inspect", image(SECOND), "--dte", joined);
    assertTrue(result.out().contains("invalid (V=0)"), result.out());
    assertTrue(
        result.out().contains("note: V=0 as bytes in memory; as four quadwords, high first"),
        result.out());
  }

  @Test
  void theExitCodeIsWhatHelpSays() {
    tables.change(ROOT_2, 0, entry -> entry | 1L << 52);
    String help = Cleave.run("inspect", "--help").out();
    assertTrue(help.contains("Exit code 1: --audit found an error"), help);
    assertEquals(0, Cleave.run("inspect", image(SECOND)).code());
    assertEquals(1, Cleave.run("inspect", image(SECOND), "--audit").code());
    String noRoot = DeviceTableEntry.v1(0xdead_0000L, 3, 1).toHex();
    assertEquals(1, Cleave.run("inspect", image(SECOND), "--dte", noRoot).code());
    assertEquals(1, Cleave.run("inspect", image(SECOND), "--audit", "--dte", noRoot).code());
  }
}
