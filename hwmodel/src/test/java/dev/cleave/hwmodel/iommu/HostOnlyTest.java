package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Devices without guest tables see no difference between an IOMMU that has them, and works for
 * other devices with them, and one that does not.
 */
class HostOnlyTest {
  private static final int ROUNDS = 10_000;
  private static final int GUEST_DEVICE = 100;
  private static final int PASID = 3;

  private final Machine plain = new Machine();
  private final Machine announced = new Machine(IommuConfig.standard().withGuestTables());

  private void set(long at, long word) {
    plain.memory.setLong(at, word);
    announced.memory.setLong(at, word);
  }

  /** Small indexes at each level, so that requests meet entries. */
  private static long iova(Random random) {
    long iova = random.nextInt(0x1000);
    for (int level = 1; level <= 4; level++) {
      iova |= (long) random.nextInt(4) << (9 * level + 3);
    }
    return iova;
  }

  /** Sixteen tables of each level, 1 to 4. */
  private static long table(Random random, int level) {
    return 0x10_0000 + (random.nextInt(16) * 4 + level - 1) * 0x1000L;
  }

  private void fillHostTables(Random random) {
    for (int table = 0; table < 64; table++) {
      int level = 1 + table % 4;
      for (int index = 0; index < 4; index++) {
        boolean leaf = level == 1 || (level < 4 && random.nextInt(3) == 0);
        int below = Math.max(1, level - (random.nextInt(8) == 0 ? 2 : 1));
        long entry =
            leaf
                ? 0x1000_0000_0000_0001L | (random.nextLong() & 0xff_ffff_f000L)
                : (long) below << 9 | 1 | table(random, below);
        long rights = random.nextInt(16) == 0 ? random.nextLong() & 3L << 61 : 3L << 61;
        set(0x10_0000 + table * 0x1000L + index * 8L, entry | rights);
      }
    }
    for (int device = 0; device < 8; device++) {
      int mode = 3 + device % 2;
      long q0 = Machine.deviceQ0(table(random, mode), mode) | (long) (device & 3) << 7;
      set(Machine.DEVICE_TABLE + device * 32L, q0);
      set(Machine.DEVICE_TABLE + device * 32L + 8, Machine.DOMAIN + device);
    }
  }

  /** A device of the same domain goes through guest tables, which fills the caches too. */
  private void addGuestDevice() {
    long gcr3 = 0x20_0000;
    long q0 = Machine.deviceQ0(0, 0) | 1L << 55 | (gcr3 >>> 12 & 7) << 58;
    announced.deviceEntry(GUEST_DEVICE, q0, Machine.DOMAIN | (gcr3 >>> 15 & 0xffff) << 16, 0);
    announced.memory.setLong(gcr3 + PASID * 8, 0x20_1001);
    for (int level = 4; level > 1; level--) {
      long table = 0x20_1000 + (4 - level) * 0x1000L;
      for (int index = 0; index < 4; index++) {
        announced.memory.setLong(table + index * 8L, (table + 0x1000) | 0x27);
      }
    }
    for (int index = 0; index < 4; index++) {
      announced.memory.setLong(0x20_4000 + index * 8L, 0x30_0067 + index * 0x1000L);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void theyComeToTheSameAddressesEventsAndMarks(long seed) {
    Random random = new Random(seed);
    fillHostTables(random);
    addGuestDevice();
    int faults = 0;
    for (int round = 0; round < ROUNDS; round++) {
      int device = random.nextInt(8);
      long iova = iova(random);
      boolean write = random.nextBoolean();
      long expected = plain.iommu.translate(device, iova, write);
      String where = "seed %d, round %d".formatted(seed, round);
      assertEquals(expected, announced.iommu.translate(device, iova, write), where);
      faults += expected < 0 ? 1 : 0;
      assertEquals(
          Machine.hex(plain.iommu.readMmio(0x2018)),
          Machine.hex(announced.iommu.readMmio(0x2018)),
          where);
      long gva = iova(random);
      long passed = announced.iommu.translate(GUEST_DEVICE, PASID, gva, Request.WRITE);
      assertEquals(0x30_0000 | (gva & 0x3fff), passed, where);
      if (round % 8 == 0) {
        int log2 = 12 + random.nextInt(40);
        long flush = Command.range(iova, log2, random.nextBoolean());
        plain.flush(flush);
        announced.flush(flush);
        emptyLog(plain);
        emptyLog(announced);
      }
    }
    assertTrue(faults > ROUNDS / 20 && faults < ROUNDS * 19 / 20, "faults: " + faults);
    for (long at = Machine.EVENTS; at < Machine.EVENTS + 0x1000; at += 8) {
      assertEquals(plain.memory.getLong(at), announced.memory.getLong(at), Machine.hex(at));
    }
    for (long at = 0x10_0000; at < 0x14_0000; at += 8) {
      assertEquals(plain.memory.getLong(at), announced.memory.getLong(at), Machine.hex(at));
    }
  }

  private static void emptyLog(Machine machine) {
    machine.iommu.writeMmio(0x2010, machine.iommu.readMmio(0x2018));
  }
}
