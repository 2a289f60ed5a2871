package dev.cleave.bench.footprint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.replay.Policy;
import dev.cleave.engine.TableMemory;
import java.util.BitSet;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Real tables of small guests, and guests made of pieces. */
@Tag("slow")
class FootprintsTest {
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;
  private static final long PAGE = 4096;

  @ParameterizedTest
  @EnumSource(
      value = Policy.class,
      names = {"FOLLOW", "FOLLOW_LAZY", "ALL_4K", "REMAP"})
  void everyPolicyComesToTheMinimumAtRest(Policy policy) {
    for (MadePattern pattern : MadePattern.values()) {
      TableFootprint table =
          new Footprints(pattern, Footprints.SEED).table(GIB + 6 * MIB, 0.002, policy);
      assertEquals(table.minimumBytes(), table.tableBytes(), pattern + ", " + policy);
      assertEquals(
          table.tableBytes() / PAGE * TableMemory.metadataBytesPerPage(), table.metadataBytes());
      assertTrue(table.ratio() <= 1.01, table.toString());
    }
  }

  @ParameterizedTest
  @EnumSource(
      value = Policy.class,
      names = {"SHARED_ONLY", "SHARED_ONLY_LAZY", "STATIC"})
  void policiesOfSharedMemoryComeToTheMinimumToo(Policy policy) {
    for (MadePattern pattern : MadePattern.values()) {
      long guest = GIB + 6 * MIB;
      TableFootprint table = new Footprints(pattern, Footprints.SEED).table(guest, 0.002, policy);
      assertEquals(table.minimumBytes(), table.tableBytes(), pattern + ", " + policy);
      long pages = guest / PAGE;
      long shared = Math.round(pages * 0.002) * PAGE;
      assertEquals(policy == Policy.STATIC ? guest : shared, table.pinnedBytes());
    }
  }

  @Test
  void whatIsMappedPageByPageKeepsTheTablesOfWhatWasSharedForAWhile() {
    Footprints footprints = new Footprints(MadePattern.SCATTERED, Footprints.SEED);
    TableFootprint table = footprints.table(GIB, 0.001, Policy.SHARED_ONLY_4K);
    assertTrue(table.tableBytes() > table.minimumBytes(), table.toString());
    assertEquals(
        table.pinnedBytes(), footprints.table(GIB, 0.001, Policy.SHARED_ONLY).pinnedBytes());
    assertEquals(GIB, footprints.table(GIB, 0.001, Policy.FOLLOW).pinnedBytes());
  }

  @ParameterizedTest
  @EnumSource(
      value = Policy.class,
      names = {"SHARED_ONLY_4K", "SHARED_ONLY", "STATIC"})
  void aGuestOfPiecesPinsWhatItsPiecesDo(Policy policy) {
    for (double shared : new double[] {0, 0.0001, 1}) {
      Footprints footprints = new Footprints(MadePattern.CLUSTERED, Footprints.SEED);
      TableFootprint piece = footprints.table(16 * GIB, shared, policy);
      TableFootprint guest = footprints.table(1024 * GIB, shared, policy);
      assertEquals(64 * piece.pinnedBytes(), guest.pinnedBytes(), policy + ", " + shared);
      assertTrue(guest.tableBytes() >= guest.minimumBytes(), guest.toString());
    }
  }

  @Test
  void aLinuxGuestSharesItsPoolAndAFiftieth() {
    assertEquals(512 * MIB, LinuxGuest.poolBytes(8 * GIB)); // as in the bundled log
    assertEquals(GIB, LinuxGuest.poolBytes(16 * GIB));
    assertEquals(GIB, LinuxGuest.poolBytes(256 * GIB));
    assertEquals(64 * MIB, LinuxGuest.poolBytes(256 * MIB));
    assertEquals(50.0 / 49 / 16, LinuxGuest.sharedFraction(16 * GIB), 1e-12);
    assertEquals(1, LinuxGuest.sharedFraction(16 * MIB));
  }

  @ParameterizedTest
  @EnumSource(MadePattern.class)
  void aPatternSharesExactlyItsPart(MadePattern pattern) {
    for (double shared : new double[] {0, 0.0001, 0.01, 0.5, 0.99, 1}) {
      int pages = (int) (256 * MIB / PAGE);
      var set = pattern.sharedPages(256 * MIB, shared, 7);
      assertEquals(Math.round(pages * shared), set.cardinality(), pattern + ", " + shared);
      assertTrue(set.length() <= pages);
    }
  }

  @Test
  void aGuestOfPiecesHasTheirTablesAndThoseAbove() {
    Footprints footprints = new Footprints(MadePattern.CLUSTERED, Footprints.SEED);
    TableFootprint piece = footprints.table(16 * GIB, 0.0001, Policy.FOLLOW);
    TableFootprint guest = footprints.table(1024 * GIB, 0.0001, Policy.FOLLOW);
    assertEquals(1, piece.pieces());
    assertEquals(64, guest.pieces());
    // a top of level 4 and two tables of level 3, where the piece has its top
    assertEquals(64 * (piece.tableBytes() - PAGE) + 3 * PAGE, guest.tableBytes());
    assertEquals(guest.tableBytes(), guest.minimumBytes());
  }

  @Test
  void aGuestWithoutSharedPagesIsBuiltWholeAndNeedsNextToNothing() {
    TableFootprint guest =
        new Footprints(MadePattern.SCATTERED, Footprints.SEED).table(1024 * GIB, 0, Policy.FOLLOW);
    assertEquals(1, guest.pieces());
    assertEquals(PAGE, guest.tableBytes());
  }

  @ParameterizedTest
  @ValueSource(doubles = {0, 1})
  void aGuestOf16TibInOneStateIsOneLeaf(double shared) {
    TableFootprint guest =
        new Footprints(MadePattern.SCATTERED, Footprints.SEED)
            .table(16 * 1024 * GIB, shared, Policy.FOLLOW);
    assertEquals(1, guest.pieces());
    assertEquals(PAGE, guest.tableBytes());
  }

  @Test
  void otherStructuresAreAsLargeAsTheirContentsMakeThem() {
    var rivals = new Footprints(MadePattern.CLUSTERED, Footprints.SEED).rivals(GIB, 0.01);
    long pages = GIB / PAGE;
    for (RivalFootprint rival : rivals) {
      assertTrue(rival.fits(), rival.toString());
      switch (rival.rival()) {
        case "on-heap long[] radix", "re-walking table" ->
            assertEquals(1.0, rival.bytes() / (8.0 * pages), 0.1, rival.toString());
        case "flat hash" -> assertTrue(rival.bytes() > 16 * pages, rival.toString());
        default -> assertTrue(rival.bytes() < pages, rival.toString());
      }
    }
    assertEquals(4, rivals.size());
  }

  @Test
  void theyTakeTheSameInEveryRun() {
    for (MadePattern pattern : MadePattern.values()) {
      assertEquals(
          new Footprints(pattern, 3).rivals(GIB, 0.01),
          new Footprints(pattern, 3).rivals(GIB, 0.01));
    }
  }

  @Test
  void anExtentMapOfOneExtentTakesItsObjects() {
    RivalFootprint extents =
        new Footprints(MadePattern.SCATTERED, 1)
            .rivals(GIB, 0).stream()
                .filter(rival -> rival.rival().equals("extent map"))
                .findFirst()
                .orElseThrow();
    // table 16, map 16, tree 48; entry 40, key 24, piece 32
    assertEquals(16 + 16 + 48 + 40 + 24 + 32, extents.bytes());
  }

  @Test
  void anotherSeedSharesOtherPagesButAsMany() {
    var one = MadePattern.SCATTERED.sharedPages(GIB, 0.01, 1);
    var other = MadePattern.SCATTERED.sharedPages(GIB, 0.01, 2);
    assertNotEquals(one, other);
    assertEquals(one.cardinality(), other.cardinality());
    assertEquals(one, MadePattern.SCATTERED.sharedPages(GIB, 0.01, 1));
  }

  private static Footprints given(BitSet pages) {
    return new Footprints(new GivenPattern("pages:file", pages, 0), Footprints.SEED);
  }

  @Test
  void aGivenPatternIsWeighedAsTheMadeOneThatSharesTheSamePages() {
    long bytes = 64 * MIB;
    BitSet pages = MadePattern.CLUSTERED.sharedPages(bytes, 0.1, 7);
    for (Policy policy : List.of(Policy.FOLLOW, Policy.ALL_4K, Policy.REMAP)) {
      TableFootprint made = new Footprints(MadePattern.CLUSTERED, 7).table(bytes, 0.1, policy);
      TableFootprint given = given(pages).table(bytes, 0.1, policy);
      assertEquals(made.tableBytes(), given.tableBytes(), policy.word());
      assertEquals(made.minimumBytes(), given.minimumBytes(), policy.word());
    }
    assertEquals(
        new Footprints(MadePattern.CLUSTERED, 7)
            .rivals(bytes, 0.1).stream().map(RivalFootprint::bytes).toList(),
        given(pages).rivals(bytes, 0.1).stream().map(RivalFootprint::bytes).toList());
  }

  @Test
  void aLargeGuestIsBuiltWholeAroundItsGivenPages() {
    BitSet pages = new BitSet();
    pages.set((int) ((40 * GIB + 6 * MIB) / PAGE));
    TableFootprint guest = given(pages).table(64 * GIB, 0.5 / (1 << 24), Policy.FOLLOW);
    // the top, and the tables of the page's GiB and of its region
    assertEquals(3 * PAGE, guest.tableBytes());
    assertEquals(1, guest.pieces());
    assertEquals(4, given(pages).table(64 * GIB, 0, Policy.ALL_4K).pieces());
    for (RivalFootprint rival : given(pages).rivals(64 * GIB, 0)) {
      assertEquals(rival.rival().equals("extent map") ? 1 : 4, rival.pieces(), rival.rival());
    }
  }

  @Test
  void aGuestAllOfWhosePagesAreGivenIsOneLeaf() {
    BitSet pages = new BitSet();
    pages.set(0, (int) (2 * GIB / PAGE));
    assertEquals(PAGE, given(pages).table(2 * GIB, 1, Policy.FOLLOW).tableBytes());
  }
}
