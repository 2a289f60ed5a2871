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
import dev.cleave.engine.format.X86;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What inspect prints and writes of x86-64 tables, at a root and behind a device. */
class InspectX86Test {
  private static final long ROOT = 0x1000;
  private static final long UPPER = 0x5000;
  private static final long GCR3 = 0x9000;
  private static final DeviceId DEVICE = DeviceId.parse("00:01.0");
  private static final DeviceId TWIN = DeviceId.parse("00:01.1");

  @TempDir Path temporary;

  private final Tables tables = new Tables(X86.LINUX);

  /** A read-only page without execution at 1 GiB, and a gigabyte in the upper half. */
  @BeforeEach
  void oneTable() {
    tables
        .directory(ROOT, 0, 0x2000, 3)
        .directory(0x2000, 1, 0x3000, 2)
        .directory(0x3000, 0, 0x4000, 1)
        .leaf(0x4000, 0, 0x7000, 12, Access.READ | Access.NO_EXECUTE)
        .directory(ROOT, 511, UPPER, 3)
        .leaf(UPPER, 511, 0x4000_0000, 30);
  }

  private Path image() {
    return tables.write(
        temporary.resolve("image"),
        new Manifest(OptionalLong.empty(), new LinkedHashMap<>(), List.of()));
  }

  private Path guests() {
    tables.set(GCR3, 0, ROOT | 1).set(GCR3, 5, ROOT | 1);
    DeviceTableEntry entry = DeviceTableEntry.passthrough(3).withGuestTables(GCR3, 1, 4);
    LinkedHashMap<DeviceId, DeviceTableEntry> devices = new LinkedHashMap<>();
    devices.put(DEVICE, entry);
    devices.put(TWIN, entry);
    return tables.write(
        temporary.resolve("guests"), new Manifest(OptionalLong.empty(), devices, List.of()));
  }

  @Test
  void leavesOfATableAtARootCountUpFromZero() throws IOException {
    Path leaves = temporary.resolve("leaves.csv");
    Cleave.Result result =
        Cleave.run(
            "inspect",
            image(),
            "--format",
            "x86",
            "--root",
            ROOT,
            "--mode",
            4,
            "--audit",
            "--leaves",
            leaves);
    assertEquals(0, result.code(), result.out() + result.err());
    assertEquals(
        """
        iova,phys,size,perm,raw_pte_hex,level,next_level_field,slots,index
        0x40000000,0x7000,0x1000,r,0x8000000000007025,1,0,1,0
        0xffffc0000000,0x40000000,0x40000000,rw,0x400000e7,3,0,1,511
        """,
        Files.readString(leaves));
  }

  @Test
  void signExtendedIovasEndAt2To64() {
    String out =
        Cleave.run(
                "inspect",
                image(),
                "--format",
                "x86",
                "--root",
                ROOT,
                "--mode",
                4,
                "--sign-extended",
                "--lookup",
                "0xffffffffc0000123",
                "--lookup",
                "0xffffc0000000")
            .out();
    assertTrue(out.contains("-> paddr 0x40000123 perm rw size 0x40000000"), out);
    assertTrue(
        out.contains("-> does not translate: it is no sign-extended address of 48 bits"), out);
  }

  @Test
  void aLookupSaysWhereNoInstructionMayBeFetched() throws IOException {
    Path json = temporary.resolve("out.json");
    String out =
        Cleave.run(
                "inspect",
                image(),
                "--format",
                "x86",
                "--root",
                ROOT,
                "--mode",
                4,
                "--lookup",
                "1G",
                "--json",
                json)
            .out();
    assertTrue(out.contains("-> paddr 0x7000 perm r nx size 0x1000"), out);
    JsonObject domain =
        JsonParser.parseString(Files.readString(json))
            .getAsJsonObject()
            .getAsJsonArray("domains")
            .get(0)
            .getAsJsonObject();
    JsonObject walk = domain.getAsJsonArray("lookups").get(0).getAsJsonObject();
    assertTrue(walk.get("noExecute").getAsBoolean());
  }

  @Test
  void everyPasidOfADeviceIsADomainOfItsOwn() throws IOException {
    Path leaves = temporary.resolve("leaves.csv");
    Cleave.Result result = Cleave.run("inspect", guests(), "--leaves", leaves);
    assertEquals(0, result.code(), result.err());
    assertTrue(
        result
            .out()
            .startsWith(
                """
                domain 3  v2 (guest tables): one for each PASID  devices 00:01.0 00:01.1
                domain 3 pasid 0  root 0x1000  levels 4  devices 00:01.0 00:01.1  perm rw
                  leaves 2 (1 x 4K, 1 x 1G), mapped 1073745920 bytes
                """),
        result.out());
    assertTrue(result.out().contains("\ndomain 3 pasid 5  root 0x1000"), result.out());
    assertTrue(
        Files.readString(leaves)
            .contains("3 pasid 5,0x1000,0xffffffffc0000000,0x40000000,0x40000000,rw,"));
  }

  @Test
  void aDeviceTableEntryLeadsToTheSameDomains() {
    Path image = guests();
    String entry = DeviceTableEntry.passthrough(3).withGuestTables(GCR3, 1, 4).toHex();
    String out = Cleave.run("inspect", image, "--dte", entry).out();
    assertTrue(out.contains("domain 3 pasid 5  root 0x1000  levels 4"), out);
  }
}
