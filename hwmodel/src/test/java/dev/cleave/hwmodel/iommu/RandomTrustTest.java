package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.hwmodel.rmp.RmpInstructions;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Random secure entries, RMPs, tables and rings end in bounded time, by what is defined. */
class RandomTrustTest {
  private static final int ROUNDS = 20_000;
  private static final long COVERED = 8L << 20;

  private static long eventsOf(Statistics counts) {
    long sum = counts.eventsSuppressed;
    for (int code = 0; code < 16; code++) {
      sum += counts.events(code);
    }
    return sum;
  }

  /** Entries that point somewhere in memory, some with anything set. */
  private static void fillTables(Machine machine, Random random) {
    for (long at = 0x40000; at < 0x80_0000; at += 8) {
      long word = random.nextLong();
      if (random.nextInt(8) != 0) {
        word = (word & 0xe008_0000_007f_ffffL) | 0x6000_0000_0000_0027L;
      }
      machine.memory.setLong(at, word);
    }
  }

  private static void fillRmp(Machine machine, Random random) {
    for (long at = 0x80_4000; at < 0x80_4000 + COVERED / 256; at += 8) {
      long sparse = sparse(random);
      machine.memory.setLong(at, random.nextInt(3) == 0 ? sparse : 0);
    }
  }

  /** A word with a quarter of its bits set. */
  private static long sparse(Random random) {
    long half = random.nextLong();
    return half & random.nextLong();
  }

  private static long[] entry(Random random) {
    long[] words = new long[8];
    boolean wild = random.nextInt(4) == 0;
    for (int i = 0; i < 8 && wild; i++) {
      words[i] = sparse(random) & random.nextLong();
    }
    long gcr3 = (long) random.nextInt(0x800) << 12;
    if (random.nextBoolean()) {
      words[0] |= DeviceTableEntry.guestFirst(gcr3, 1 + random.nextInt(3), random.nextBoolean());
      words[1] |= DeviceTableEntry.guestSecond(gcr3, 0);
    }
    words[0] |= 0x6000_0000_0000_0001L;
    words[1] |= random.nextInt(4);
    words[3] |= 1L << 47 | random.nextInt(4) | (long) random.nextInt(4) << 49;
    words[5] |= random.nextBoolean() ? (long) random.nextInt(8) << 1 | 1 : 0;
    return words;
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void randomEntriesEndInAnAddressOrADefinedEvent(long seed) {
    Random random = new Random(seed);
    IommuConfig config =
        IommuConfig.standard().withGuestTables().withRmpCheckedOnHit(random.nextBoolean());
    Machine machine = new Machine(config, COVERED);
    fillTables(machine, random);
    fillRmp(machine, random);
    for (int device = 0; device < 128; device++) {
      long root = 0x40000 + (long) random.nextInt(0x700) * 4096;
      long q0 = Machine.deviceQ0(root, random.nextInt(10) == 0 ? random.nextInt(8) : 3);
      machine.deviceEntry(device, q0 | (long) random.nextInt(4) << 7, 0, 0);
      machine.iommu.firmware().write(device, entry(random));
    }
    Statistics counts = machine.iommu.statistics();
    int[] outcomes = new int[18];
    for (int round = 0; round < ROUNDS; round++) {
      if (round % 64 == 0) {
        machine.iommu.writeMmio(0x2010, machine.iommu.readMmio(0x2018));
        machine.iommu.firmware().write(random.nextInt(128), entry(random));
      }
      long before = eventsOf(counts);
      long steps = counts.guestSteps;
      long iova = random.nextLong() >>> (25 + random.nextInt(30));
      int pasid = random.nextBoolean() ? -1 : random.nextInt(1 << random.nextInt(20));
      long outcome = machine.iommu.translate(random.nextInt(128), pasid, iova, random.nextInt(16));
      String where = "seed %d, round %d".formatted(seed, round);
      assertTrue(counts.guestSteps - steps <= 7, where);
      boolean isEvent = eventsOf(counts) == before + 1;
      outcomes[outcome >= 0 ? 0 : (int) -outcome]++;
      if (outcome >= 0) {
        assertTrue(!isEvent && outcome >>> 52 == 0, where);
      } else {
        assertEquals(outcome > Outcome.INTERRUPT, isEvent, where);
      }
    }
    for (int code : new int[] {0, 1, 2, 0xd}) {
      assertTrue(outcomes[code] > 50, "outcome %d: %d".formatted(code, outcomes[code]));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void randomRequestsChangeTheGuestsBitsOrNothing(long seed) {
    Random random = new Random(seed);
    Machine machine = new Machine(IommuConfig.standard(), COVERED);
    TioFirmware firmware = machine.iommu.firmware();
    firmware.connect(8, 1, 2, 0, 0);
    firmware.bind(8, machine.guest(5), TdiBinding.of(3));
    int written = 0;
    for (int round = 0; round < ROUNDS; round++) {
      long[] before = firmware.entry(8);
      long[] request = SecureDeviceEntry.request(0, random.nextInt(4), -1);
      request[0] |= random.nextLong() & 0x6000_0000_0000_0001L;
      request[5] |= random.nextLong() & 0xffff_ffffL;
      boolean isBad = random.nextBoolean();
      int word = random.nextInt(8);
      long wrong = 1L << random.nextInt(64);
      if (isBad) {
        request[word] |= wrong;
      }
      int status = firmware.writeEntry(5, 8, request);
      assertEquals(SecureDeviceEntry.isRequest(request) ? 0 : 3, status);
      long[] after = firmware.entry(8);
      long[] guests = {0x6000_0000_0000_0001L, 0, 0, 3L << 49, 0, 0xffff_ffffL, 0, 0};
      for (int i = 0; i < 8; i++) {
        long expected = status == 0 ? (before[i] & ~guests[i]) | request[i] : before[i];
        assertEquals(Machine.hex(expected), Machine.hex(after[i]));
      }
      written += status == 0 ? 1 : 0;
    }
    assertTrue(written > ROUNDS / 4 && written < ROUNDS);
  }

  /**
   * Anything in the ring, its lists and its registers; what it works on is memory like any other.
   */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void randomRingsEndWithAStatusForEachEntry(long seed) {
    Random random = new Random(seed);
    Machine machine = new Machine(IommuConfig.standard(), 16L << 20);
    RmpInstructions cpu = new RmpInstructions(machine.rmp(16L << 20));
    long gctx = machine.guest(5);
    PsmashRing ring = new PsmashRing(machine, 0xa00);
    int[] seen = new int[256];
    for (int round = 0; round < 4000; round++) {
      long page = (long) random.nextInt(1, 5) << 21;
      long table = 0x4_0000 + (long) random.nextInt(16) * 0x1000;
      long slot = 0x6_0000 + random.nextInt(512) * 8L;
      prepare(machine, cpu, random, page, table, slot);
      int pages = random.nextInt(4);
      for (int i = 0; i < pages; i++) {
        ring.page(
            i, wild(random, page), wild(random, table), wild(random, slot), context(random, gctx));
      }
      long command = random.nextInt(4) == 0 ? random.nextInt(8) : 5;
      // GET_CAPABILITIES writes where it is told to, so that is never the ring itself.
      long list = random.nextInt(16) == 0 ? Machine.HOLE + random.nextLong() : ring.list;
      list = list >= 0xa0_0000 && list < 0xa0_1000 ? ring.list : list;
      long noise = random.nextInt(16) == 0 ? random.nextLong() & 0xffff_f000_ff00L : 0;
      int status = ring.command(list, command | (long) pages << 16 | noise);
      assertTrue(status > 0 && status < 256, "seed %d, round %d".formatted(seed, round));
      seen[status]++;
    }
    for (int status : new int[] {0x03, 0x05, 0x0b, 0x0e, 0x12, 0x14, 0x16, 0xf0}) {
      assertTrue(seen[status] > 0, "never seen: 0x%x".formatted(status));
    }
  }

  private static long wild(Random random, long value) {
    return switch (random.nextInt(24)) {
      case 0 -> random.nextLong();
      case 1 -> value ^ 1L << random.nextInt(24);
      default -> value;
    };
  }

  private static long context(Random random, long gctx) {
    return switch (random.nextInt(16)) {
      case 0 -> random.nextLong();
      case 1 -> gctx ^ 0x1000;
      default -> gctx;
    };
  }

  private static void prepare(
      Machine machine, RmpInstructions cpu, Random random, long page, long table, long slot) {
    int to = cpu.rmpUpdate(page, page, random.nextInt(8) == 0 ? 0 : 0x5_0000_0101L);
    if (to != 0 && random.nextBoolean()) {
      for (long at = page; at < page + 0x20_0000; at += 0x1000) {
        var _ = cpu.rmpUpdate(at, 0, 0);
      }
      var _ = cpu.rmpUpdate(page, page, 0x5_0000_0101L);
    }
    machine.memory.setLong(slot, 0x7000_0000_0000_0001L | page);
    for (int i = 0; i < 512; i++) {
      machine.memory.setLong(table + i * 8L, 0x7000_0000_0000_0001L | page + i * 0x1000L);
    }
  }
}
