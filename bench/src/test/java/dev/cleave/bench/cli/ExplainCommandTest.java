package dev.cleave.bench.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.image.Tables;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What explain says of a dmesg, alone and with the tables at hand. */
class ExplainCommandTest {
  private static final String CASES = "src/test/resources/cases/";
  private static final long DEVICE_TABLE = 0x80_0000;

  @TempDir Path temporary;

  private Path text(String text) throws IOException {
    return Files.writeString(temporary.resolve("dmesg"), text);
  }

  private String explained(String text, Object... options) throws IOException {
    Object[] command = new Object[options.length + 2];
    command[0] = "explain";
    command[1] = text(text);
    System.arraycopy(options, 0, command, 2, options.length);
    Cleave.Result result = Cleave.run(command);
    assertEquals(0, result.code(), result.err());
    assertEquals("", result.err());
    return result.out();
  }

  @Test
  void theEventsOfTheCaseAreNamedFieldByFieldWithTheirFlags() {
    assertEquals(
        """
        [   77.123456] vfio-pci 0000:41:00.0: RMP_PAGE_FAULT vmg_tag 0x0, gpa 0x100201a88, flags_rmp \
        0x0, flags 0x20 (RW): a write: the RMP refuses it (size, owner or gpa of the page's entry do \
        not fit)
        [   78.000001] nvme 0000:01:00.0: IO_PAGE_FAULT domain 0xd, address 0xcff49550, flags 0x70 \
        (PR RW PE): a write: an entry on the way, or the device table entry, does not permit it
        [   78.000002] IO_PAGE_FAULT device 02:00.0, domain 0x1, address 0x7ff00000, flags 0x50 (PR \
        PE): a read: an entry on the way, or the device table entry, does not permit it
        """,
        Cleave.run("explain", CASES + "events.dmesg").out());
  }

  @Test
  void theRmpLinesOfTheCaseAreNamedFieldByField() {
    String out = Cleave.run("explain", CASES + "rmp-dump.dmesg").out();
    List<String> lines = out.lines().toList();
    assertEquals(5, lines.size(), out);
    assertTrue(lines.get(0).endsWith("2, no permission (the page is immutable)"), out);
    assertEquals(
        "[255267.410543] RMP entry of 0x200000: assigned, 4K, gpa 0x0, ASID 0 (firmware), immutable,"
            + " subpage count 255, bit 63 set",
        lines.get(2));
  }

  @Test
  void theDeviceTableEntryOfTheCaseIsRead() {
    String out = Cleave.run("explain", CASES + "dte-debugfs.txt", "--verbose").out();
    assertTrue(
        out.contains(
            "device table entry of 01:00.0: v1, domain 56, root 0x4000, 3 levels, read and write\n"),
        out);
    assertTrue(
        out.contains("    Mode 0x3\n") && out.contains("    InterruptRoot 0x1373b8000\n"), out);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "IO_PAGE_FAULT device=01:00.0 domain=0x1 address=0x1000 flags=0x0000] | nothing is mapped",
        "IO_PAGE_FAULT device=01:00.0 domain=0x1 address=0x1000 flags=0x0090] | a reserved bit set",
        "IO_PAGE_FAULT device=01:00.0 domain=0x1 address=0x1000 flags=0x0010] | an invalid level",
        "IO_PAGE_FAULT device=01:00.0 domain=0x1 address=0x1000 flags=0x0108] | an interrupt (tr",
        "ILLEGAL_DEV_TABLE_ENTRY device=01:00.0 pasid=0x00000 address=0x0 flags=0x80] | reserved bits",
        "ILLEGAL_DEV_TABLE_ENTRY device=01:00.0 pasid=0x00000 address=0x0 flags=0x00] | not allowed",
        "DEV_TAB_HARDWARE_ERROR device=01:00.0 address=0x0 flags=0x0200] | master abort",
        "PAGE_TAB_HARDWARE_ERROR device=01:00.0 pasid=0x0 address=0x0 flags=0x0400] | target abort",
        "COMMAND_HARDWARE_ERROR address=0x0 flags=0x0600] | data error",
        "RMP_HW_ERROR device=01:00.0, vmg_tag=0x0, spa=0x0, flags=0x0600] | data error",
        "ILLEGAL_COMMAND_ERROR address=0x4000] | fetches no more",
        "IOTLB_INV_TIMEOUT device=01:00.0 address=0x4000] | did not answer",
        "INVALID_DEVICE_REQUEST device=01:00.0 pasid=0x0 address=0xfdf8000020 flags=0x0a00] | type 5",
        "INVALID_PPR_REQUEST device=01:00.0 pasid=0x0 address=0x0 flags=0x0 tag=0x001] | page request",
        "UNKNOWN event[0]=0x0100 event[1]=0x20200000 event[2]=0x1000 event[3]=0x0 | (IO_PAGE_FAULT)",
        "UNKNOWN event[0]=0x0100 event[1]=0xd0200000 event[2]=0x1000 event[3]=0x0 | RMP_PAGE_FAULT",
        "UNKNOWN event[0]=0x0100 event[1]=0xb0200000 event[2]=0x1000 event[3]=0x0 | code 0xb"
      })
  void everyEventHasWords(String event, String words) throws IOException {
    String out = explained("AMD-Vi: Event logged [" + event + "\n");
    assertTrue(out.contains(words), out);
    assertEquals(1, out.lines().count());
  }

  @Test
  void verboseNamesEveryBitOfTheFlags() throws IOException {
    String out =
        explained(
            "AMD-Vi: Event logged [IO_PAGE_FAULT device=01:00.0 domain=0x1 address=0x1000"
                + " flags=0x0030]",
            "--verbose");
    assertTrue(out.contains("      PR=1 the entry was present\n"), out);
    assertTrue(out.contains("      RW=1 a write\n      PE=0 no permission was missing\n"), out);
  }

  @Test
  void aCommandIsPutTogetherFromItsFourLines() throws IOException {
    assertEquals(
        """
        AMD-Vi: before
        command INVALIDATE_IOMMU_PAGES domain 56, PDE true, range everything
        """,
        explained(
            """
            AMD-Vi: before
            AMD-Vi: CMD[0]: 00000000
            AMD-Vi: CMD[1]: 30000038
            AMD-Vi: CMD[2]: fffff003
            AMD-Vi: CMD[3]: 7fffffff
            """));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "000: 00001005 10000000 00000007 00000000 | COMPLETION_WAIT store true, interrupt false",
        "000: 00000100 20000000 00000000 00000000 | INVALIDATE_DEVTAB_ENTRY device 01:00.0",
        "000: 00000000 30000038 00200001 00000000 | range 0x200000, size 8K",
        "000: 00000100 40000000 00001000 00000000 | INVALIDATE_IOTLB_PAGES device 01:00.0, range 0x1000",
        "000: 00340100 4a120000 00001004 00000000 | device 01:00.0, pasid 668690, range 0x1000",
        "000: 00000000 80000000 00000000 00000000 | INVALIDATE_IOMMU_ALL",
        "000: 00000001 80000000 00000000 00000000 | malformed",
        "000: 00000000 f0000000 00000000 00000000 | reserved 15"
      })
  void everyCommandHasWords(String row, String words) throws IOException {
    String out = explained(row);
    assertTrue(out.startsWith("command ") && out.contains(words), out);
  }

  @Test
  void whatIsNotOfTheIommuPassesAndWhatCannotBeReadIsSaid() throws IOException {
    assertEquals(
        """
        usb 1-1: new device
        AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x1
            cannot be read: the event is cut short: no ]
        AMD-Vi: DTE[2]: 0000000000000000
            cannot be read: DTE[2] where DTE[0] is expected
        AMD-Vi: CMD[1]: 00000000
            cannot be read: CMD[1] where CMD[0] is expected
        [1.0] features 0x8012000000000001: PreF, HA (accessed bits), HD (dirty bits), SNP
        3 more events were not printed: the rate limit
        """,
        explained(
            """
            usb 1-1: new device
            AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x1
            AMD-Vi: DTE[2]: 0000000000000000
            AMD-Vi: CMD[1]: 00000000
            [1.0] AMD-Vi: Extended features (0x8012000000000001, 0x2): PreF SNP
            amd_iommu_report_page_fault: 3 callbacks suppressed
            """));
  }

  /** Device 01:00.0 has 0x1000 read-only and 0x4000 writable; 02:00.0 may only read. */
  private Path image() {
    Tables tables = new Tables();
    tables.leaf(0x1000, 1, 0xa000, 12, Access.READ).leaf(0x1000, 4, 0xb000, 12);
    tables.leaf(0x2000, 0, 0xc000, 12);
    var devices = new LinkedHashMap<DeviceId, DeviceTableEntry>();
    devices.put(DeviceId.parse("01:00.0"), DeviceTableEntry.v1(0x1000, 1, 13));
    devices.put(
        DeviceId.parse("02:00.0"), DeviceTableEntry.v1(0x2000, 1, 2).withAccess(Access.READ));
    devices.forEach((device, entry) -> {
      long page = DeviceTableEntry.paddrOf(DEVICE_TABLE, device.value());
      tables.set(page, 0, entry.q0()).set(page, 1, entry.q1());
    });
    return tables.write(
        temporary.resolve("image"),
        new Manifest(
            OptionalLong.empty(),
            devices,
            List.of(
                new Manifest.Domain(13, 0x1000, 1, List.of(DeviceId.parse("01:00.0"))),
                new Manifest.Domain(2, 0x2000, 1, List.of(DeviceId.parse("02:00.0"))))));
  }

  private static String fault(String device, long address, int flags) {
    return "AMD-Vi: Event logged [IO_PAGE_FAULT device=%s domain=0x0 address=0x%x flags=0x%04x]"
        .formatted(device, address, flags);
  }

  @Test
  void withTheTableAtHandTheWalkSaysWhyItFailed() throws IOException {
    Path image = image();
    String notPresent = explained(fault("01:00.0", 0x3000, 0x20), "--image", image);
    assertTrue(
        notPresent.endsWith(
            "; in domain 13 it does not translate: the entry is not present (level 1, table 0x1000,"
                + " index 3)\n"),
        notPresent);
    String readOnly = explained(fault("01:00.0", 0x1008, 0x70), "--image", image);
    assertTrue(
        readOnly.contains(
            "it leads to 0xa008, and the entry of level 1, table 0x1000, index 1 does not permit a"
                + " write"),
        readOnly);
    String byDevice = explained(fault("02:00.0", 0, 0x70), "--image", image);
    assertTrue(
        byDevice.contains("in domain 2 it leads to 0xc000, and the device table entry does not"),
        byDevice);
    String changed = explained(fault("01:00.0", 0x4000, 0x70), "--image", image);
    assertTrue(changed.contains("0xb000, which the table permits; it has changed since"), changed);
    String unknown = explained(fault("03:00.0", 0x4000, 0x70), "--image", image);
    assertTrue(unknown.contains("the image knows no table of its"), unknown);
  }

  @Test
  void theTableIsThatOfTheDeviceOrOfTheDomainOrTheChosenOne() throws IOException {
    Path image = image();
    String byNumber =
        explained(
            "nvme 0000:09:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000d address=0x3000"
                + " flags=0x0020]",
            "--image",
            image);
    assertTrue(byNumber.contains("in domain 13 it does not translate"), byNumber);
    String byTable =
        explained(fault("01:00.0", 0x3000, 0x20), "--image", image, "--devtab", DEVICE_TABLE);
    assertTrue(byTable.contains("in domain 13 it does not translate"), byTable);
    String chosen =
        explained(fault("01:00.0", 0x3000, 0x20), "--image", image, "--root", 0x2000, "--mode", 1);
    assertTrue(chosen.contains("table 0x2000, index 3"), chosen);
  }

  @Test
  void aFaultOfTheRmpIsFollowedToItsEntry() throws IOException {
    Path image = image();
    String event =
        "vfio-pci 0000:01:00.0: AMD-Vi: Event logged [RMP_PAGE_FAULT vmg_tag=0x0000, gpa=0x4a88,"
            + " flags_rmp=0x0000, flags=0x0020]";
    assertTrue(explained(event, "--image", image).contains("with an RMP"));
    Path dump = temporary.resolve("rmp");
    Files.writeString(dump, "PFN 0x0, RMP entry: [0x0008000000000003 - 0x0000000000000000]\n");
    String out = explained(event, "--image", image, "--rmp-dump", dump, "--verbose");
    assertTrue(out.contains("in domain 13 it leads to 0xba88"), out);
    assertTrue(out.contains("rmp-size: a leaf below 2M must meet 4K entries or none"), out);
    assertTrue(out.contains("      level 1  table 0x1000  index 4  entry 0x700000000000b001"), out);
    assertTrue(out.contains("    rmp 0xb000: assigned, 2M"), out);
  }

  @Test
  void jsonHoldsEveryFieldAndTheWalk() throws IOException {
    Path file = temporary.resolve("out.json");
    explained(
        "other\n" + fault("01:00.0", 0x3000, 0x20) + "\n", "--image", image(), "--json", file);
    JsonObject json = JsonParser.parseString(Files.readString(file)).getAsJsonObject();
    assertEquals(1, json.get("passedLines").getAsInt());
    JsonObject event = json.getAsJsonArray("explained").get(0).getAsJsonObject();
    assertEquals(2, event.get("line").getAsInt());
    assertEquals("IO_PAGE_FAULT", event.get("event").getAsString());
    assertEquals("0x3000", event.get("address").getAsString());
    assertEquals("RW", event.getAsJsonArray("flagNames").get(0).getAsString());
    JsonObject walk = event.getAsJsonArray("walks").get(0).getAsJsonObject();
    assertEquals("the entry is not present", walk.get("refused").getAsString());
  }
}
