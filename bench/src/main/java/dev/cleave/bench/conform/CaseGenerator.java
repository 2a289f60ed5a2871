package dev.cleave.bench.conform;

import static dev.cleave.engine.format.Access.READ;
import static dev.cleave.engine.format.Access.READ_WRITE;
import static dev.cleave.engine.format.Access.WRITE;

import dev.cleave.bench.conform.TestCase.DomainSpec;
import dev.cleave.bench.conform.qemu.Device;
import dev.cleave.bench.conform.qemu.EchoMemory;
import dev.cleave.bench.conform.qemu.GuestLayout;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.Geometry;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Makes the operations of a case from its seed and number. Belongs to one case. */
final class CaseGenerator {
  private static final long FACTOR = 0x9E37_79B9_7F4A_7C15L;
  private static final int MOST_LEVELS = 6;

  /** Several devices are told apart only below bit 48. */
  private static final int MOST_LEVELS_SHARED = 4;

  private static final int MIX_STEPS = 16;
  private static final int REUSED_STEPS = 32;
  private static final long REUSED_FULL_OFFSET = 0x80_0000;
  private static final long GIB = 1L << 30;

  /**
   * Two in a leaf table, one leaf over it, two elsewhere in the GiB, its end, and the next GiB; a
   * leaf table that is full, and a page of the same.
   */
  private static final long[] REUSED_OFFSETS = {
    0x3000,
    0x1F_F000,
    0,
    0x40_0000,
    0x2000_0000L,
    GIB - 4096,
    GIB + 0x20_0000,
    REUSED_FULL_OFFSET,
    REUSED_FULL_OFFSET + 0x3000
  };

  private static final long[] REUSED_BYTES = {
    0x1000, 0x1000, 0x20_0000, 0x40_0000, 0x2000, 0x1000, 0x1_0000, 0x20_0000, 0x1000
  };

  private static final int[] PERMISSIONS = {READ, WRITE, READ_WRITE};
  private static final int[] SIZES =
      java.util.stream.IntStream.range(0, Long.SIZE)
          .filter(log2 -> (AmdV1.LINUX.leafSizes() >>> log2 & 1) != 0)
          .toArray();

  private final long number;
  private final SplittableRandom random;
  private final List<DomainSpec> domains = new ArrayList<>();
  private final List<Op> ops = new ArrayList<>();

  private CaseGenerator(long seed, long number) {
    this.number = number;
    this.random = new SplittableRandom(caseSeed(seed, number));
  }

  /** The seed of everything random in a case. */
  static long caseSeed(long seed, long number) {
    return (seed * FACTOR + number) * FACTOR;
  }

  /** Makes a case. */
  static TestCase generate(long seed, long number) {
    return new CaseGenerator(seed, number).generate();
  }

  private TestCase generate() {
    CaseKind[] kinds = CaseKind.values();
    CaseKind kind = kinds[(int) (number % kinds.length)];
    int round = (int) (number / kinds.length);
    switch (kind) {
      case LEAF_SIZES -> leafSizes(round);
      case LEVELS -> mix(1 + round % MOST_LEVELS, MIX_STEPS / 2);
      case GROWING_TOP -> growingTop();
      case LEAF_PERMISSIONS -> leafPermissions();
      case DIRECTORY_PERMISSIONS -> directoryPermissions();
      case DEVICE_PERMISSIONS -> devicePermissions();
      case HOLES -> holes();
      case SPLIT -> split();
      case MERGE -> merge();
      case RACE -> race();
      case STALE -> stale();
      case DOMAINS -> severalDomains();
      case DEVICE_TABLE -> deviceTable();
      case SCATTERED -> scattered();
      case FAR_OUTPUT -> farOutput();
      case MIX -> mix(2 + random.nextInt(MOST_LEVELS - 1), MIX_STEPS);
      case REUSED_TABLES -> reusedTables(round);
    }
    return new TestCase(number, kind, List.copyOf(domains), List.copyOf(ops));
  }

  private void domain(int levels) {
    int id = 1 + random.nextInt(0xFFFF);
    while (isTaken(id)) {
      id = 1 + random.nextInt(0xFFFF);
    }
    domains.add(new DomainSpec(id, levels));
  }

  private boolean isTaken(int id) {
    return domains.stream().anyMatch(domain -> domain.id() == id);
  }

  private static Op.Map map(int domain, Place place, int access) {
    return new Op.Map(domain, place.iova(), place.paddr(), place.bytes(), access);
  }

  private static Op.Unmap unmap(int domain, Place place) {
    return new Op.Unmap(domain, place.iova(), place.bytes());
  }

  private int anyAccess() {
    return PERMISSIONS[random.nextInt(PERMISSIONS.length)];
  }

  private int levels(int least, int most) {
    return least + random.nextInt(most - least + 1);
  }

  // ---- kinds ---------------------------------------------------------------------------------

  /** Three sizes a case; in a few rounds all of them have had their turn. */
  private void leafSizes(int round) {
    domain(2);
    for (int i = 0; i < 3; i++) {
      int sizeLog2 = SIZES[(3 * round + i) % SIZES.length];
      int levels = levels(Math.max(2, Geometry.leafLevel(sizeLog2)), MOST_LEVELS);
      Place leaf = Place.ofSize(levels, sizeLog2, random);
      ops.add(map(0, leaf, READ_WRITE));
      ops.add(new Op.Protect(0, leaf.iova(), leaf.bytes(), anyAccess()));
      ops.add(unmap(0, leaf));
      ops.add(map(0, leaf, anyAccess()));
    }
  }

  private void growingTop() {
    domain(levels(1, 3));
    for (int levels = 2; levels <= MOST_LEVELS; levels++) {
      Place place = Place.under(levels, random);
      ops.add(map(0, place, READ_WRITE));
      ops.add(unmap(0, place.part(random)));
    }
  }

  private void leafPermissions() {
    int levels = levels(2, MOST_LEVELS);
    domain(levels);
    Place place = Place.under(levels, random);
    long piece = place.bytes() / 8;
    for (int i = 0; i < 8; i++) {
      Place part = new Place(place.iova() + i * piece, place.paddr() + i * piece, piece);
      ops.add(map(0, part, anyAccess()));
    }
    for (int i = 0; i < 6; i++) {
      Place part = place.part(random);
      ops.add(new Op.Protect(0, part.iova(), part.bytes(), anyAccess()));
    }
  }

  private void directoryPermissions() {
    int levels = levels(4, MOST_LEVELS);
    domain(levels);
    Place place = Place.under(levels, random);
    ops.add(map(0, place, READ_WRITE));
    ops.add(new Op.Split(0, place.iova(), place.bytes(), Geometry.PAGE_LOG2));
    // Where the place is, no directory above level 1 is on the way to the window.
    int level = levels(2, levels);
    for (int access : new int[] {READ, WRITE, 0, READ_WRITE}) {
      ops.add(new Op.Directory(0, place.iova(), level, access));
    }
  }

  private void devicePermissions() {
    domain(levels(2, MOST_LEVELS_SHARED));
    domain(2);
    Place place = Place.under(domains.getFirst().levels(), random);
    ops.add(map(0, place, READ_WRITE));
    for (int access : new int[] {READ, WRITE, 0, READ_WRITE}) {
      ops.add(new Op.Attach(Device.EDU0, 0, access));
    }
  }

  private void holes() {
    int sizeLog2 = SIZES[random.nextInt(SIZES.length)];
    int levels = levels(Math.max(3, Geometry.leafLevel(sizeLog2)), MOST_LEVELS);
    domain(levels);
    Place large = Place.ofSize(levels, sizeLog2, random);
    ops.add(map(0, large, READ_WRITE));
    Place echoes = largestPart(large);
    for (int i = 0; i < 4; i++) {
      ops.add(unmap(0, echoes.part(random)));
    }
    ops.add(map(0, echoes.part(random), READ_WRITE));
  }

  /** The part of a leaf that leads to an island of echoes, at most 16 MiB. */
  private static Place largestPart(Place leaf) {
    if (leaf.bytes() <= EchoMemory.LARGE_BYTES) {
      return leaf;
    }
    long island =
        Long.compareUnsigned(EchoMemory.LARGE_LOW - leaf.paddr(), leaf.bytes()) < 0
            ? EchoMemory.LARGE_LOW
            : EchoMemory.LARGE_HIGH;
    return new Place(leaf.iova() + (island - leaf.paddr()), island, EchoMemory.LARGE_BYTES);
  }

  private void split() {
    int sizeLog2 = 13 + random.nextInt(25);
    int levels = levels(Math.max(2, Geometry.leafLevel(sizeLog2)), MOST_LEVELS);
    domain(levels);
    Place leaf = Place.ofSize(levels, sizeLog2, random);
    Place inside = largestPart(leaf);
    ops.add(map(0, leaf, anyAccess()));
    ops.add(new Op.Fit(0, inside.iova(), inside.bytes(), random.nextLong()));
    Place part = inside.part(random);
    ops.add(new Op.Split(0, part.iova(), part.bytes(), 12 + random.nextInt(9)));
    ops.add(new Op.Fit(0, inside.iova(), inside.bytes(), random.nextLong()));
    ops.add(new Op.Split(0, inside.iova(), inside.bytes(), Geometry.PAGE_LOG2));
  }

  private void merge() {
    int levels = levels(2, MOST_LEVELS);
    domain(levels);
    Place place = Place.under(levels, random);
    ops.add(map(0, place, anyAccess()));
    ops.add(new Op.Split(0, place.iova(), place.bytes(), Geometry.PAGE_LOG2));
    for (int i = 0; i < 3; i++) {
      Place part = place.part(random);
      ops.add(new Op.Merge(0, part.iova(), part.bytes(), 13 + random.nextInt(12)));
      ops.add(new Op.Fit(0, place.iova(), place.bytes(), random.nextLong()));
    }
    ops.add(new Op.Merge(0, place.iova(), place.bytes(), 24));
  }

  private void race() {
    int levels = levels(2, MOST_LEVELS);
    domain(levels);
    Place place = Place.under(levels, random);
    ops.add(map(0, place, READ_WRITE));
    ops.add(new Op.Churn(0, place.iova(), place.bytes(), Geometry.PAGE_LOG2));
    ops.add(new Op.Churn(0, place.iova(), place.bytes(), 13 + random.nextInt(8)));
  }

  private void stale() {
    int levels = levels(2, MOST_LEVELS);
    domain(levels);
    Place place = Place.under(levels, random);
    Place other =
        new Place(
            place.iova(),
            EchoMemory.LARGE_LOW ^ EchoMemory.LARGE_HIGH ^ place.paddr(),
            place.bytes());
    ops.add(map(0, place, READ_WRITE));
    ops.add(unmap(0, place));
    ops.add(map(0, other, READ_WRITE));
    ops.add(new Op.Protect(0, place.iova(), place.bytes(), READ));
    ops.add(new Op.Protect(0, place.iova(), place.bytes(), WRITE));
    Place part = place.part(random);
    ops.add(new Op.Split(0, part.iova(), part.bytes(), Geometry.PAGE_LOG2));
    ops.add(new Op.Merge(0, place.iova(), place.bytes(), 24));
    ops.add(new Op.Fit(0, place.iova(), place.bytes(), random.nextLong()));
    ops.add(unmap(0, part));
    ops.add(map(0, part, READ_WRITE));
  }

  private void severalDomains() {
    for (int i = 0; i < 3; i++) {
      domain(levels(2, MOST_LEVELS_SHARED));
    }
    Place place = Place.under(2, random);
    for (int i = 0; i < 3; i++) {
      ops.add(map(i, place.part(random), READ_WRITE));
    }
    for (int i = 0; i < 9; i++) {
      ops.add(anything(random.nextInt(3), place));
    }
    ops.add(new Op.Attach(Device.E1000, 1, READ_WRITE));
    ops.add(anything(1, place));
    ops.add(new Op.Attach(Device.E1000, 2, READ_WRITE));
    ops.add(anything(2, place));
  }

  private void deviceTable() {
    domain(levels(2, MOST_LEVELS_SHARED));
    domain(levels(2, MOST_LEVELS_SHARED));
    Place place = Place.under(2, random);
    ops.add(map(0, place.part(random), READ_WRITE));
    ops.add(map(1, place.part(random), READ_WRITE));
    ops.add(new Op.Attach(Device.EDU0, 0, READ_WRITE));
    ops.add(new Op.PassThrough(Device.EDU0, false, READ_WRITE));
    ops.add(new Op.Attach(Device.EDU0, 1, READ_WRITE));
    ops.add(new Op.PassThrough(Device.EDU0, true, anyAccess()));
    ops.add(new Op.Attach(Device.E1000, 1, READ_WRITE));
    ops.add(new Op.Attach(Device.EDU0, 0, READ_WRITE));
    ops.add(anything(0, place));
    ops.add(new Op.Attach(Device.E1000, 0, READ_WRITE));
  }

  private void scattered() {
    int levels = levels(2, MOST_LEVELS);
    domain(levels);
    Place place = Place.under(levels, random);
    for (int i = 0; i < 4; i++) {
      Place part = place.part(random);
      int pages = (int) Math.min(part.bytes() >>> Geometry.PAGE_LOG2, 64);
      ops.add(new Op.MapScattered(0, part.iova(), pages, random.nextLong()));
      ops.add(anything(0, place));
    }
  }

  private void farOutput() {
    domain(3);
    for (int i = 0; i < 3; i++) {
      int sizeLog2 = SIZES[random.nextInt(SIZES.length)];
      int levels = levels(Math.max(3, Geometry.leafLevel(sizeLog2)), MOST_LEVELS);
      Place near = Place.ofSize(levels, sizeLog2, random);
      long far = 1L << Math.max(sizeLog2, 34 + random.nextInt(18));
      long below = random.nextLong() & (far - 1) & -near.bytes();
      Place leaf = new Place(near.iova(), far | below, near.bytes());
      ops.add(map(0, leaf, READ_WRITE));
      Place part =
          new Place(leaf.iova(), leaf.paddr(), Math.min(leaf.bytes(), EchoMemory.LARGE_BYTES));
      ops.add(new Op.Split(0, part.iova(), part.bytes(), 12 + random.nextInt(9)));
      ops.add(unmap(0, part.part(random)));
    }
  }

  private void mix(int levels, int steps) {
    domain(levels);
    Place place = Place.under(levels, random);
    ops.add(map(0, place.part(random), READ_WRITE));
    for (int i = 0; i < steps; i++) {
      ops.add(anything(0, place));
    }
  }

  /**
   * The first case is always the same: with deferred flushes every page of a GiB was a hole once a
   * mapping in it had come and gone; each is read before and after the rest of it is mapped. The
   * others map and unmap a few pieces of a GiB, and one of its neighbour, at random: all of them
   * share tables, and two overlap.
   */
  private void reusedTables(int round) {
    if (round == 0) {
      domain(3);
      ops.add(new Op.Map(0, 0x6240_0000L, EchoMemory.LARGE_LOW, 4096, READ_WRITE));
      ops.add(new Op.Unmap(0, 0x6240_0000L, 4096));
      ops.add(new Op.Map(0, 0x7FF0_0000L, EchoMemory.LARGE_LOW + 0x30_0000, 4096, READ_WRITE));
      ops.add(new Op.Sweep(0, 0x4000_0000L, GIB));
      long high = GuestLayout.HIGH_BASE;
      ops.add(new Op.Map(0, 0x4000_0000L, high, 0x3FF0_0000L, READ_WRITE));
      ops.add(new Op.Map(0, 0x7FF0_1000L, high + 0x3FF0_1000L, 0xF_F000L, READ_WRITE));
      ops.add(new Op.Sweep(0, 0x4000_0000L, GIB));
      return;
    }
    int levels = levels(3, MOST_LEVELS);
    domain(levels);
    long base = Place.aligned(levels, 2 * GIB, random);
    Place[] places = new Place[REUSED_OFFSETS.length];
    for (int i = 0; i < places.length; i++) {
      long offset = REUSED_OFFSETS[i];
      places[i] =
          new Place(
              base + offset,
              // what is full has leaves of 4 KiB, since its memory does not lie right
              EchoMemory.LARGE_LOW
                  + offset % EchoMemory.LARGE_BYTES
                  + (offset == REUSED_FULL_OFFSET ? 4096 : 0),
              REUSED_BYTES[i]);
    }
    boolean[] isMapped = new boolean[places.length];
    for (int step = 0; step < REUSED_STEPS; step++) {
      int i = random.nextInt(places.length);
      ops.add(isMapped[i] ? unmap(0, places[i]) : map(0, places[i], READ_WRITE));
      isMapped[i] = !isMapped[i]; // a guess where two overlap: one of them is refused
    }
  }

  private Op anything(int domain, Place place) {
    Place part = place.part(random);
    long iova = part.iova();
    long bytes = part.bytes();
    return switch (random.nextInt(9)) {
      case 0, 1, 2 -> map(domain, part, random.nextInt(3) == 0 ? anyAccess() : READ_WRITE);
      case 3 -> map(domain, elsewhere(part), READ_WRITE);
      case 4 -> unmap(domain, part);
      case 5 -> new Op.Protect(domain, iova, bytes, anyAccess());
      case 6 -> new Op.Split(domain, iova, bytes, 12 + random.nextInt(10));
      case 7 -> new Op.Merge(domain, iova, bytes, 13 + random.nextInt(12));
      default -> new Op.Fit(domain, place.iova(), place.bytes(), random.nextLong());
    };
  }

  /** The same range, leading to other memory that its alignment has nothing to do with. */
  private Place elsewhere(Place part) {
    long room = EchoMemory.LARGE_BYTES - part.bytes();
    long offset = room == 0 ? 0 : random.nextLong(room) & -Geometry.PAGE_BYTES;
    long island = random.nextBoolean() ? EchoMemory.LARGE_LOW : EchoMemory.LARGE_HIGH;
    return new Place(part.iova(), island + offset, part.bytes());
  }
}
