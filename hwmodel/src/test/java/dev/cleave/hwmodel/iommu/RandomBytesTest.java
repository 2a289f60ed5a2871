package dev.cleave.hwmodel.iommu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Whatever software writes, hardware answers: in bounded time, by a defined event, never a throw.
 */
class RandomBytesTest {
  private static final int ROUNDS = 20_000;

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6})
  void randomTablesEndInAnAddressOrADefinedEvent(long seed) {
    Random random = new Random(seed);
    Machine machine =
        seed % 2 == 0
            ? new Machine()
            : new Machine(
                IommuConfig.standard().withIotlb(new CacheShape(3, 2), -0x1000L), 8L << 20);
    for (int device = 0; device < 128; device++) {
      machine.deviceEntry(
          device,
          random.nextLong() & ~(0x8000_0000_0000_007cL & random.nextLong()),
          random.nextLong(),
          random.nextLong());
    }
    fillTables(machine, random);
    Statistics counts = machine.iommu.statistics();
    for (int round = 0; round < ROUNDS; round++) {
      if (round % 64 == 0) {
        machine.iommu.writeMmio(0x2010, machine.iommu.readMmio(0x2018));
      }
      long before = eventsOf(counts) + counts.eventsSuppressed;
      long steps = counts.walkSteps;
      long iova = random.nextLong() >>> random.nextInt(52);
      long outcome = machine.iommu.translate(random.nextInt(140), iova, random.nextBoolean());
      assertTrue(counts.walkSteps - steps <= 6, "steps of a walk");
      boolean event = eventsOf(counts) + counts.eventsSuppressed == before + 1;
      if (outcome >= 0) {
        assertTrue(!event && outcome >>> 52 == 0, "seed %d, round %d".formatted(seed, round));
      } else {
        assertEquals(outcome > Outcome.INTERRUPT, event, "outcome " + outcome);
        assertTrue(outcome >= Outcome.NO_SUCH_ADDRESS, "outcome " + outcome);
      }
    }
    assertTrue(counts.events(Event.IO_PAGE_FAULT) > 0);
    assertTrue(counts.events(Event.PAGE_TAB_HARDWARE_ERROR) > 0);
    assertTrue(counts.events(Event.ILLEGAL_DEV_TABLE_ENTRY) > 0);
    assertTrue(counts.walks > ROUNDS / 8);
  }

  private static long eventsOf(Statistics counts) {
    long sum = 0;
    for (int code = 0; code < 16; code++) {
      sum += counts.events(code);
    }
    return sum;
  }

  /** Random words all over memory, many of them entries that point into memory or just beyond. */
  private static void fillTables(Machine machine, Random random) {
    for (long at = 0x40000; at < Machine.MEMORY_BYTES; at += 8) {
      long word = random.nextLong();
      if (random.nextInt(8) != 0) {
        word = (word & 0xe000_0000_011f_ffffL) | 0x6000_0000_0000_0001L;
      }
      machine.memory.setLong(at, word);
    }
    for (int device = 0; device < 96; device++) {
      long at = Machine.DEVICE_TABLE + device * 32L;
      long root = 0x40000 + (long) random.nextInt(0xf00) * 4096;
      machine.memory.setLong(
          at,
          (machine.memory.getLong(at) & 0x7ff0_0000_0000_0f83L) | root | 0x6000_0000_0000_0003L);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void randomCommandsRunOrStopTheRingWithOneEvent(long seed) {
    Random random = new Random(seed);
    Machine machine = new Machine(IommuConfig.standard().withFeatures(random.nextLong()));
    Statistics counts = machine.iommu.statistics();
    for (int round = 0; round < ROUNDS; round++) {
      machine.emptyCommands();
      machine.iommu.writeMmio(0x2010, machine.iommu.readMmio(0x2018));
      long operation = (long) random.nextInt(16) << 60;
      long sparse = random.nextLong() >>> 4;
      long q0 = sparse & random.nextLong();
      long q1 = random.nextBoolean() ? 0 : random.nextLong();
      if (operation >>> 60 == 1) {
        // A completion store must not hit the ring itself.
        q0 = (q0 & 0xff_ffff_ffffL) | 0x40_0000;
      }
      long before = eventsOf(counts);
      machine.command(operation | q0, q1);
      boolean ran = machine.iommu.readMmio(0x2000) == 16;
      assertEquals(ran ? 0 : 1, eventsOf(counts) - before, "seed %d".formatted(seed));
      assertEquals(ran, (machine.iommu.readMmio(0x2020) & 0x10) != 0);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void randomRegisterWritesNeitherThrowNorHang(long seed) {
    Random random = new Random(seed);
    Machine machine = new Machine();
    long[] offsets = {
      0, 8, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x2000, 0x2008, 0x2010, 0x2018, 0x2020, 0x1a0
    };
    for (int round = 0; round < ROUNDS; round++) {
      long offset = offsets[random.nextInt(offsets.length)];
      long value = random.nextLong() >>> random.nextInt(64);
      machine.iommu.writeMmio(offset, offset == 0x18 ? value | 0x1005 : value);
      assertTrue(machine.iommu.readMmio(0x2020) >>> 5 == 0);
      long outcome = machine.iommu.translate(random.nextInt(0x1_0000), value, true);
      assertTrue(outcome >= Outcome.NO_SUCH_ADDRESS);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void randomGuestTablesEndInAnAddressOrADefinedEvent(long seed) {
    Random random = new Random(seed);
    IommuConfig config = IommuConfig.standard().withGuestTables();
    Machine machine = new Machine(config, seed % 2 == 0 ? 0 : 8L << 20);
    fillTables(machine, random);
    for (int device = 0; device < 96; device++) {
      long at = Machine.DEVICE_TABLE + device * 32L;
      long q0 = machine.memory.getLong(at) & 0x6000_0000_0000_0e03L;
      long gcr3 = 0x40000 + (long) random.nextInt(0xf00) * 4096;
      int levels = 1 + random.nextInt(3);
      boolean nested = random.nextBoolean();
      q0 = nested ? q0 | (4L << 9) | gcr3 : q0 & ~0xe00L;
      q0 |= DeviceTableEntry.guestFirst(gcr3, levels, random.nextBoolean());
      machine.deviceEntry(device, q0, DeviceTableEntry.guestSecond(gcr3, device), 0);
    }
    Statistics counts = machine.iommu.statistics();
    for (int round = 0; round < ROUNDS; round++) {
      if (round % 64 == 0) {
        machine.iommu.writeMmio(0x2010, machine.iommu.readMmio(0x2018));
      }
      long before = eventsOf(counts);
      long steps = counts.guestSteps;
      long gva = random.nextLong() >> (16 + random.nextInt(40));
      int pasid = random.nextInt(-1, 1 << random.nextInt(22));
      long outcome = machine.iommu.translate(random.nextInt(140), pasid, gva, random.nextInt(8));
      String where = "seed %d, round %d".formatted(seed, round);
      assertTrue(counts.guestSteps - steps <= 7, where);
      if (outcome >= 0) {
        assertTrue(eventsOf(counts) == before && outcome >>> 52 == 0, where);
      } else {
        assertTrue(outcome >= Outcome.NO_SUCH_ADDRESS, where);
        assertEquals(outcome > Outcome.INTERRUPT, eventsOf(counts) == before + 1, where);
      }
    }
    assertTrue(counts.guestWalks > ROUNDS / 8);
  }
}
