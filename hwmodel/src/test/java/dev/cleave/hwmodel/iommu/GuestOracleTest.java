package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random guest tables, alone or over random host tables, in a window so small that requests meet
 * entries: each request, with whatever caches, against a plain recursive reference that knows no
 * cache, to the bit of the event; and in the end every table word, so that no mark is missing or
 * too much.
 */
class GuestOracleTest {
  private static final int ROUNDS = 4_000;
  private static final long ADDRESS = 0xf_ffff_ffff_f000L;
  private static final long GPA = 0x40_0000_0000L;
  private static final int[] INDEXES = {0, 1, 2, 511};

  /** Above 1 GiB: the ends of both halves. */
  private static final int[] HIGH_INDEXES = {0, 511};

  private final Map<Long, Long> words = new HashMap<>();
  private final List<Integer> pasids = new ArrayList<>();
  private Random random = new Random(0);
  private GuestMachine guest = new GuestMachine(0);
  private int had;

  /** What a request came to: an address, or the three parts of an event. */
  private record Answer(long paddr, long q0, long q1) {
    static Answer address(long paddr) {
      return new Answer(paddr, 0, 0);
    }
  }

  /** A request on its way: who asks for what. */
  private record Asked(int pasid, long gva, boolean write, boolean execute, boolean user) {
    Answer fault(int reason) {
      long flags = reason | 1 | (write ? 0x20 : 0) | (execute ? 2 : 0) | (user ? 4 : 0);
      long low = 8 | (pasid & 0xf_0000L) | (pasid & 0xffffL) << 32;
      return new Answer(-2, 2L << 60 | flags << 48 | low, gva);
    }
  }

  private static Answer hostFault(int reason, long gpa, boolean write) {
    long flags = reason | (write ? 0x20 : 0);
    return new Answer(-2, 2L << 60 | flags << 48 | (long) Machine.DOMAIN << 32 | 8, gpa);
  }

  private long word(long spa) {
    return words.computeIfAbsent(spa, at -> guest.machine.memory.getLong(at));
  }

  private void mark(long spa, long bits) {
    words.put(spa, word(spa) | bits);
  }

  // The reference: host table.

  private Answer host(long gpa, boolean write) {
    if (guest.mode == 0) {
      return Answer.address(gpa);
    }
    if (gpa >>> (12 + 9 * guest.mode) != 0) {
      return hostFault(0, gpa, write);
    }
    return host(guest.hostRoot, guest.mode, gpa, write);
  }

  private Answer host(long table, int level, long gpa, boolean write) {
    long at = table + (gpa >>> (9 * level + 3) & 0x1ff) * 8;
    long entry = word(at);
    if ((entry & 1) == 0) {
      return hostFault(0, gpa, write);
    }
    if ((entry >>> (write ? 62 : 61) & 1) == 0) {
      return hostFault(0x50, gpa, write);
    }
    int next = (int) (entry >>> 9) & 7;
    if (next != 0 && next != 7) {
      mark(at, (had & 1) << 5);
      return host(entry & ADDRESS, next, gpa, write);
    }
    long size = 1L << (9 * level + 3);
    if (next == 7) {
      size = 0x2000;
      while ((entry & size / 2) != 0) {
        size *= 2;
      }
    }
    mark(at, (had & 1) << 5 | (write && had == 3 ? 0x40 : 0));
    return Answer.address((entry & ADDRESS & -size) | (gpa & (size - 1)));
  }

  // The reference: GCR3 table and guest table.

  private Answer request(Asked asked, boolean hasPasid) {
    int width = 12 + 9 * guest.guestLevels;
    long top = asked.gva >> (width - 1);
    boolean inside = hasPasid ? top == 0 || top == -1 : asked.gva >>> width == 0;
    if (asked.pasid >>> (9 * guest.gcr3Levels) != 0 || !inside) {
      return asked.fault(0);
    }
    return gcr3(guest.gcr3, guest.gcr3Levels, asked);
  }

  private Answer gcr3(long table, int level, Asked asked) {
    Answer at = host(table + (asked.pasid >>> (9 * level - 9) & 0x1ff) * 8L, false);
    if (at.paddr < 0) {
      return at;
    }
    long entry = word(at.paddr);
    if ((entry & 1) == 0) {
      return asked.fault(0);
    }
    if ((entry & ~ADDRESS & ~1) != 0) {
      return asked.fault(0x90);
    }
    return level > 1
        ? gcr3(entry & ADDRESS, level - 1, asked)
        : walk(entry & ADDRESS, guest.guestLevels, asked, true, true, true);
  }

  private Answer walk(
      long table, int level, Asked asked, boolean writable, boolean user, boolean executable) {
    long slot = table + (asked.gva >>> (9 * level + 3) & 0x1ff) * 8;
    Answer at = host(slot, false);
    if (at.paddr < 0) {
      return at;
    }
    long entry = word(at.paddr);
    if ((entry & 1) == 0) {
      return asked.fault(0);
    }
    boolean leaf = level == 1 || (entry & 0x80) != 0;
    long size = 1L << (9 * level + 3);
    if (level > 1 && leaf && (level > 3 || (entry & (size - 1) & ~0x1fff) != 0)) {
      return asked.fault(0x90);
    }
    boolean mayWrite = writable && (entry & 2) != 0;
    boolean mayUser = user && (entry & 4) != 0;
    boolean mayExecute = executable && entry >= 0;
    if (!leaf) {
      Answer refused = setMarks(slot, at.paddr, entry, 0x20);
      return refused != null
          ? refused
          : walk(entry & ADDRESS, level - 1, asked, mayWrite, mayUser, mayExecute);
    }
    if ((asked.write && !mayWrite) || (asked.user && !mayUser) || (asked.execute && !mayExecute)) {
      return asked.fault(0x50);
    }
    int marks = asked.write ? 0x60 : 0x20;
    if ((entry & marks) != marks) {
      Answer refused = host(slot, true);
      if (refused.paddr < 0) {
        return refused;
      }
    }
    Answer reached = host((entry & ADDRESS & -size) | (asked.gva & (size - 1)), asked.write);
    if (reached.paddr >= 0) {
      mark(at.paddr, marks);
    }
    return reached;
  }

  private @Nullable Answer setMarks(long slot, long spa, long entry, long marks) {
    if ((entry & marks) == marks) {
      return null;
    }
    Answer written = host(slot, true);
    if (written.paddr < 0) {
      return written;
    }
    mark(spa, marks);
    return null;
  }

  // Random tables.

  private boolean chance(int percent) {
    return random.nextInt(100) < percent;
  }

  private int index() {
    return INDEXES[random.nextInt(INDEXES.length)];
  }

  private int highIndex() {
    return chance(95) ? HIGH_INDEXES[random.nextInt(HIGH_INDEXES.length)] : index();
  }

  /** P, RW, U, A, D, mostly set, and NX, mostly not. */
  private long guestBits() {
    long bits = chance(5) ? 0 : 1;
    for (long bit : new long[] {2, 4, 0x20, 0x40}) {
      bits |= chance(85) ? bit : 0;
    }
    return bits | (chance(10) ? 1L << 63 : 0) | (chance(10) ? 1L << 58 : 0);
  }

  private void fillGuest(long table, int level) {
    for (int index : level > 3 ? HIGH_INDEXES : INDEXES) {
      if (level > 3 || (level > 1 && chance(70))) {
        long below = guest.table();
        fillGuest(below, level - 1);
        guest.entry(table, index, below | (guestBits() & ~0x40L));
      } else {
        long size = 1L << (9 * level + 3);
        long reserved = level > 1 && chance(4) ? 0x2000 : 0;
        long entry = (gpa() & -size) | reserved | (level > 1 ? 0x80 : 0) | guestBits();
        guest.entry(table, index, entry);
      }
    }
  }

  /** A guest physical address that the host table may know: small indexes at each level. */
  private long gpa() {
    return GPA + ((long) index() << 30) + ((long) index() << 21) + ((long) index() << 12);
  }

  private long hostBits() {
    return (chance(95) ? 1 : 0) | (chance(92) ? 1L << 61 : 0) | (chance(85) ? 1L << 62 : 0);
  }

  private long spa(long size) {
    return random.nextLong() & 0x7_ffff_ffff_f000L & -size;
  }

  private void fillHost() {
    for (long gigabyte : INDEXES) {
      long at = GPA + (gigabyte << 30);
      if (chance(25)) {
        guest.hostEntry(at, 3, hostBits() | spa(1L << 30));
        continue;
      }
      for (long large : INDEXES) {
        long region = at + (large << 21);
        if (chance(40)) {
          guest.hostEntry(region, 2, hostBits() | spa(1L << 21));
        } else if (chance(50)) {
          // 16 KiB leaves: bit 12 one, bit 13 zero.
          for (int i = 0; i < 512; i += 4) {
            long leaf = hostBits() | 0xe00 | spa(0x4000) | 0x1000;
            for (int replica = i; replica < i + 4; replica++) {
              guest.hostEntry(region + replica * 0x1000L, 1, leaf);
            }
          }
        } else {
          for (long small : INDEXES) {
            guest.hostEntry(region + (small << 12), 1, hostBits() | spa(0x1000));
          }
        }
      }
    }
  }

  /** Takes a right, or everything, from the host's leaf of some of the guest's table pages. */
  private void spoilHostLeavesOfTables(long firstGpa, long endGpa) {
    for (long gpa = firstGpa; gpa < endGpa; gpa += 0x1000) {
      if (chance(6)) {
        long slot = guest.hostSlot(gpa, 1);
        long entry = guest.machine.memory.getLong(slot);
        guest.machine.memory.setLong(slot, entry & ~(chance(80) ? 1L << 62 : 1L));
      }
    }
  }

  private void build(IommuConfig config, int mode, int gcr3Levels, int guestLevels) {
    guest = new GuestMachine(config, mode, gcr3Levels, guestLevels);
    guest.attach(had, true);
    for (int i = 0; i < 3; i++) {
      int pasid = i == 0 ? 0 : random.nextInt(1 << Math.min(20, 9 * gcr3Levels));
      pasids.add(pasid);
      fillGuest(guest.top(pasid), guestLevels);
    }
    int odd = random.nextInt(1 << Math.min(20, 9 * gcr3Levels));
    pasids.add(odd);
    guest.entry(guest.gcr3Table(odd), odd & 0x1ff, guest.table() | 1 | (chance(50) ? 4 : 0));
    if (mode != 0) {
      fillHost();
      spoilHostLeavesOfTables(0x2_0000_1000L, guest.table());
    }
  }

  private long gva() {
    long gva = random.nextInt(0x1000);
    for (int level = 1; level <= guest.guestLevels; level++) {
      gva |= (long) (level > 3 ? highIndex() : index()) << (9 * level + 3);
    }
    int width = 12 + 9 * guest.guestLevels;
    return chance(80) ? gva << (64 - width) >> (64 - width) : gva;
  }

  private IommuConfig config() {
    // The reference knows translation only, and some addresses lie in that range.
    IommuConfig config = IommuConfig.standard().withHyperTransportRefused(false);
    return switch (random.nextInt(5)) {
      case 0 -> config.withoutCaches();
      case 1 -> config.withIotlb(CacheShape.NONE, 1L << 12);
      case 2 -> config.withDirectories(CacheShape.NONE, true);
      case 3 -> config.withIotlb(new CacheShape(3, 2), -0x1000L);
      default -> config;
    };
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20})
  void everyRequestComesToWhatTheReferenceSays(long seed) {
    random = new Random(seed);
    had = new int[] {0, 1, 3, 3}[random.nextInt(4)];
    int mode = seed % 4 == 0 ? 0 : 4 + random.nextInt(2);
    build(config(), mode, 1 + random.nextInt(3), 4 + random.nextInt(2));
    Iommu iommu = guest.machine.iommu;
    int addresses = 0;
    for (int round = 0; round < ROUNDS; round++) {
      boolean hasPasid = chance(80);
      int pasid = chance(97) ? pasids.get(random.nextInt(pasids.size())) : random.nextInt(1 << 20);
      int flags = chance(70) ? random.nextInt(2) : random.nextInt(8);
      Asked asked =
          hasPasid
              ? new Asked(pasid, gva(), (flags & 1) != 0, (flags & 2) != 0, (flags & 4) == 0)
              : new Asked(0, gva(), (flags & 1) != 0, false, true);
      if (asked.gva >>> 20 == 0xfee) {
        continue;
      }
      Answer expected = request(asked, hasPasid);
      long outcome =
          iommu.translate(Machine.DEVICE, hasPasid ? pasid : Request.NO_PASID, asked.gva, flags);
      String where = "seed %d, round %d, %s".formatted(seed, round, asked);
      assertEquals(Machine.hex(expected.paddr), Machine.hex(outcome), where);
      assertEvent(expected, where);
      addresses += outcome >= 0 ? 1 : 0;
    }
    assertTrue(addresses > ROUNDS / 20, "too few were translated: " + addresses);
    words.forEach((at, word) ->
        assertEquals(
            Machine.hex(word),
            Machine.hex(guest.machine.memory.getLong(at)),
            "seed %d, word at 0x%x".formatted(seed, at)));
  }

  /** The event that was logged, if one was expected and only then; the log is emptied. */
  private void assertEvent(Answer expected, String where) {
    Iommu iommu = guest.machine.iommu;
    long head = iommu.readMmio(0x2010);
    long tail = iommu.readMmio(0x2018);
    assertEquals(expected.paddr < 0, tail != head, where);
    if (tail != head) {
      long at = Machine.EVENTS + head;
      assertEquals(Machine.hex(expected.q0), Machine.hex(guest.machine.memory.getLong(at)), where);
      assertEquals(
          Machine.hex(expected.q1), Machine.hex(guest.machine.memory.getLong(at + 8)), where);
      iommu.writeMmio(0x2010, tail);
    }
  }
}
