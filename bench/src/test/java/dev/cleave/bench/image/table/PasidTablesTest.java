package dev.cleave.bench.image.table;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.image.Tables;
import dev.cleave.bench.image.table.TableWalk.Refused;
import dev.cleave.bench.image.table.TableWalk.Translated;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.X86;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Guest tables found through the GCR3 tables of a device table entry, alone and over a host's. */
class PasidTablesTest {
  private static final long GCR3 = 0x1_0000;
  private static final long GCR3_LOW = 0x1_1000;
  private static final long GUEST = 0x2_0000;
  private static final int VALID = 1;

  private final Tables tables = new Tables(X86.LINUX);

  private List<Domain> find(DeviceTableEntry entry) {
    return new DomainFinder(tables.memory(), AmdV1.LINUX, X86.LINUX).of(entry, List.of());
  }

  private static DeviceTableEntry guestOnly(int gcr3Levels, int guestLevels) {
    return DeviceTableEntry.passthrough(7).withGuestTables(GCR3, gcr3Levels, guestLevels);
  }

  private static List<String> names(List<Domain> domains) {
    return domains.stream().map(Domain::name).toList();
  }

  @Test
  void eachValidEntryIsADomainNamedByItsPasid() {
    tables.set(GCR3, 0, GUEST | VALID).set(GCR3, 3, 0x3_0000 | VALID).set(GCR3, 4, 0x4_0000);
    List<Domain> domains = find(guestOnly(1, 4));
    assertEquals(List.of("7", "7 pasid 0", "7 pasid 3"), names(domains));
    assertFalse(domains.getFirst().hasTable(), "the entry has no host table");
    assertEquals(
        new TableRoot(X86.LINUX, 0x3_0000, 4, Access.READ_WRITE, true, null),
        domains.getLast().root());
  }

  @ParameterizedTest
  @CsvSource({"2, 2, 5, 1029", "2, 511, 511, 262143"})
  void twoLevelsAreIndexedByNineBitsOfThePasidEach(int levels, int high, int low, int pasid) {
    tables.set(GCR3, high, GCR3_LOW | VALID).set(GCR3_LOW, low, GUEST | VALID);
    assertEquals("7 pasid " + pasid, find(guestOnly(levels, 4)).getLast().name());
  }

  @Test
  void ofThreeLevelsOnlyTwentyBitsAreAPasid() {
    long middle = 0x1_2000;
    tables
        .set(GCR3, 3, middle | VALID)
        .set(GCR3, 4, middle | VALID)
        .set(middle, 511, GCR3_LOW | VALID)
        .set(GCR3_LOW, 511, GUEST | VALID);
    assertEquals(List.of("7", "7 pasid 1048575"), names(find(guestOnly(3, 4))));
  }

  @Test
  void theEntrySaysHowManyLevelsGuestTablesHave() {
    tables.set(GCR3, 0, GUEST | VALID);
    assertEquals(5, find(guestOnly(1, 5)).getLast().root().levels());
  }

  @Test
  void aGcr3TableThatIsNotThereLeavesTheDomainIncomplete() {
    Domain domain = find(guestOnly(1, 4)).getFirst();
    assertEquals(Rule.DANGLING, domain.findings().getFirst().rule());
    Findings findings = new Findings(1);
    findings.add(domain.findings().getFirst());
    assertFalse(findings.complete());
  }

  @Test
  void reservedBitsOfAGcr3EntryAreAnErrorAndNothingIsBehindIt() {
    tables.set(GCR3, 6, GUEST | VALID | 4);
    List<Domain> domains = find(guestOnly(1, 4));
    assertEquals(1, domains.size());
    assertEquals(
        "bits 0x4 of the GCR3 entry of PASID 6 must be zero",
        domains.getFirst().findings().getFirst().detail());
  }

  @ParameterizedTest
  @CsvSource({"300000000000000, 0", "0, 80000000000000"})
  void reservedLevelsAreAnError(String gcr3, String guest) {
    DeviceTableEntry entry = guestOnly(1, 4);
    DeviceTableEntry bad =
        new DeviceTableEntry(
            entry.q0() | Long.parseLong(gcr3, 16),
            entry.q1(),
            entry.q2() | Long.parseLong(guest, 16),
            entry.q3());
    List<Domain> domains = find(bad);
    assertEquals(1, domains.size());
    assertEquals(Rule.DEVICE_TABLE, domains.getFirst().findings().getFirst().rule());
  }

  @Test
  void anImageWithMorePasidsThanAnyMachineIsCutShort() {
    for (int index = 0; index < 512; index++) {
      tables.set(GCR3, index, GCR3_LOW | VALID).set(GCR3_LOW, index, GUEST | VALID);
    }
    List<Domain> domains = find(guestOnly(2, 4));
    assertEquals(PasidTables.MOST_PASIDS + 1, domains.size());
    assertEquals(
        List.of(Rule.TRUNCATED),
        domains.getFirst().findings().stream().map(Finding::rule).toList());
  }

  /** A host table that adds a gigabyte to the guest's addresses from 0 to 2 MiB. */
  private DeviceTableEntry nested() {
    long host = 0x90_0000;
    AmdV1 v1 = AmdV1.LINUX;
    long attributes = v1.attributes(Access.READ);
    tables.set(host, 0, v1.leaf(1L << 30, 21, attributes));
    long gig = 1L << 30;
    tables
        .set(gig + GCR3, 0, GUEST | VALID)
        .directory(gig + GUEST, 0, gig + 0x2_1000, 3)
        .directory(gig + 0x2_1000, 0, gig + 0x2_2000, 2)
        .directory(gig + 0x2_2000, 0, gig + 0x2_3000, 1)
        .leaf(gig + 0x2_3000, 1, 0x7000, 12)
        .leaf(gig + 0x2_3000, 2, 0x777_7000, 12);
    for (long table = gig + GUEST; table < gig + 0x2_3000; table += 0x1000) {
      tables.change(table, 0, entry -> entry - gig); // what the guest writes is its own address
    }
    return DeviceTableEntry.v1(host, 2, 7).withGuestTables(GCR3, 1, 4);
  }

  @Test
  void overAHostTableGuestTablesAreReadWhereItPutsThem() {
    List<Domain> domains = find(nested());
    assertEquals(List.of("7", "7 pasid 0"), names(domains));
    assertEquals(AmdV1.LINUX, domains.getFirst().root().format());
    Told told = Told.of(tables, domains.getLast().root());
    assertEquals(List.of(), told.rules());
    assertEquals(List.of(0x7000L, 0x777_7000L), told.leaves.stream().map(LeafRow::paddr).toList());
  }

  @Test
  void aWalkGoesThroughBothTablesAndTheStricterPermissionsAndTheSmallerLeafCount() {
    TableRoot guest = find(nested()).getLast().root();
    TableWalk walk = TableWalk.of(tables.memory(), guest, 0x1234);
    assertEquals(new Translated((1L << 30) + 0x7234, Access.READ, 4096), walk.outcome());
    assertEquals(4, walk.steps().size());
  }

  @Test
  void aWalkToAnAddressThatTheHostTableDoesNotMapIsRefusedByIt() {
    TableRoot guest = find(nested()).getLast().root();
    Refused refused =
        assertInstanceOf(Refused.class, TableWalk.of(tables.memory(), guest, 0x2000).outcome());
    assertTrue(
        refused.reason().startsWith("guest address 0x7777000 in the host table"), refused.reason());
  }
}
