package dev.cleave.bench.machine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.ioas.IoasException;
import dev.cleave.engine.ioas.SpaceFlushQueue;
import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.iommu.Register;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A space whose flushes are put off, with two tables under an IOMMU of the model, a device for
 * each: what is mapped is seen, and what is handed back is out of reach.
 */
class DeferredSpaceOnModelTest {
  private static final long PAGE = 4096;
  private static final long PADDR = 1L << 32;
  private static final long TABLES = 1L << 40;
  private static final long DEVICE_TABLE = 0x1000;
  private static final long COMMANDS = 0x2000;
  private static final long EVENTS = 0x10000;
  private static final long COMPLETION = 0x3000;
  private static final int FIRST_DEVICE = 9;
  private static final int FIRST_DOMAIN = 5;
  private static final long FAULT = -1;
  private static final long NEVER = Long.MAX_VALUE;

  private final Arena arena = Arena.ofShared();
  private final PhysicalMemory memory = new PhysicalMemory();
  private final TableMemory tableMemory =
      TableMemory.builder().capacityBytes(64 << 20).base(TABLES).build();
  private final Iommu iommu = iommu();
  private final IoAddressSpace space = new IoAddressSpace();
  private final List<HardwarePageTable> tables = List.of(table(0), table(1));
  private final List<Long> freed = new ArrayList<>();
  private int tail;
  private long completions;

  private Iommu iommu() {
    var _ = memory.allocate(0, 1 << 20, arena);
    memory.add(TABLES, tableMemory.view());
    Iommu made = new Iommu(memory, IommuConfig.standard());
    made.writeMmio(Register.DEVICE_TABLE_BASE, DEVICE_TABLE);
    made.writeMmio(Register.COMMAND_BASE, COMMANDS | 8L << 56);
    made.writeMmio(Register.EVENT_BASE, EVENTS | 12L << 56);
    made.writeMmio(
        Register.CONTROL,
        Register.CONTROL_ENABLE | Register.CONTROL_COMMANDS | Register.CONTROL_EVENT_LOG);
    return made;
  }

  private HardwarePageTable table(int number) {
    HardwarePageTable table =
        HardwarePageTable.create(
            tableMemory,
            PageTableConfig.of(AmdV1.LINUX).withLevels(4).withLargestLeaf(30 - 9 * number),
            (_, gather) -> flush(FIRST_DOMAIN + number, gather));
    PageTable shown = table.table();
    DeviceTableEntry entry =
        DeviceTableEntry.v1(shown.root(), shown.levels(), FIRST_DOMAIN + number);
    long at = DeviceTableEntry.paddrOf(DEVICE_TABLE, FIRST_DEVICE + number);
    memory.setLong(at + Long.BYTES, entry.q1());
    memory.setLong(at, entry.q0());
    return table;
  }

  private void flush(int domain, IotlbGather gather) {
    gather.forEachBlock(
        (iova, sizeLog2) -> submit(IommuCommand.invalidatePages(domain, iova, sizeLog2)));
    submit(IommuCommand.completionWait(COMPLETION, ++completions));
    assertEquals(completions, memory.getLong(COMPLETION), "the commands did not run");
  }

  private void submit(IommuCommand command) {
    memory.setLong(COMMANDS + tail, command.q0());
    memory.setLong(COMMANDS + tail + Long.BYTES, command.q1());
    tail = (tail + IommuCommand.BYTES) % 4096;
    iommu.writeMmio(Register.COMMAND_TAIL, tail);
  }

  private long access(int device, long iova) {
    long to = iommu.translate(FIRST_DEVICE + device, iova, true);
    iommu.writeMmio(Register.EVENT_HEAD, iommu.readMmio(Register.EVENT_TAIL));
    return Outcome.isAddress(to) ? to : FAULT;
  }

  private void assertSeen(long expected, long iova) {
    for (int device = 0; device < tables.size(); device++) {
      assertEquals(expected, access(device, iova), "device %d at 0x%x".formatted(device, iova));
    }
  }

  private SpaceFlushQueue defer(int unmaps) {
    tables.forEach(space::attach);
    return space.deferFlushes(
        unmaps,
        NEVER,
        (iova, length) -> {
          freed.add(iova);
          for (long at = iova; at < iova + length; at += PAGE) {
            assertSeen(FAULT, at);
          }
        });
  }

  @AfterEach
  void close() {
    space.close();
    tables.forEach(HardwarePageTable::close);
    tableMemory.close();
    arena.close();
  }

  @Test
  void devicesReachWhatIsUnmappedUntilItIsHandedBack() {
    SpaceFlushQueue queue = defer(8);
    space.map(0, PADDR, PAGE, Access.READ_WRITE);
    assertSeen(PADDR, 0);
    assertEquals(PAGE, space.unmap(0, PAGE));
    assertSeen(PADDR, 0);
    assertEquals(List.of(), freed);
    queue.flush();
    assertEquals(List.of(0L), freed);
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4})
  void whatIsMappedIsSeenAndWhatIsHandedBackIsNot(long seed) {
    SpaceFlushQueue queue = defer(6);
    Random random = new Random(seed);
    long[] shown = new long[1536];
    for (int step = 0; step < 2500; step++) {
      int page = random.nextInt(shown.length);
      int most = random.nextInt(4) == 0 ? 1024 : 16;
      int pages = Math.min(1 + random.nextInt(most), shown.length - page);
      long iova = page * PAGE;
      long length = pages * PAGE;
      long paddr =
          PADDR + (random.nextInt(1 << 16) * PAGE & -(random.nextBoolean() ? PAGE : length));
      try {
        if (random.nextInt(5) < 2) {
          space.map(iova, paddr, length, Access.READ_WRITE);
          for (int i = 0; i < pages; i++) {
            shown[page + i] = paddr + i * PAGE;
          }
          assertSeen(paddr, iova);
          assertSeen(paddr + length - PAGE, iova + length - PAGE);
        } else {
          var _ = space.unmap(iova, length);
          Arrays.fill(shown, page, page + pages, 0);
        }
      } catch (IoasException _) {
        // something is there, or nothing is
      }
      for (int i = 0; i < 8; i++) {
        int looked = random.nextInt(shown.length);
        if (shown[looked] != 0) {
          assertSeen(shown[looked], looked * PAGE);
        }
      }
      if (random.nextInt(40) == 0) {
        queue.flush();
      }
    }
    assertTrue(freed.size() > 50, "unmaps that were handed back");
  }
}
