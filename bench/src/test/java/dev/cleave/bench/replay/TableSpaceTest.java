package dev.cleave.bench.replay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.PageTableException;
import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.ioas.Backing;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.LongSupplier;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A space with one table against a bare table: what is done, answered, flushed and refused. */
class TableSpaceTest {
  private static final long PAGE = 4096;
  private static final long MIB = 1 << 20;
  private static final long PADDR = 1L << 40;

  /** Little, so that it runs out. */
  private static final long TABLE_BYTES = 12 * PAGE;

  private static final PageTableConfig V1 = PageTableConfig.of(AmdV1.LINUX).withLevels(3);

  private static PageTableConfig config(String name) {
    return switch (name) {
      case "v1" -> V1;
      case "v1 of 48 bits" -> V1.withWidths(48, 48);
      case "v1 of 4K and 2M" -> V1.withPageSizes(PAGE | 2 * MIB);
      case "v1 of 16K up" -> V1.withPageSizes(-1L << 14 & -1L >>> 1);
      case "v1 of 4K" -> V1.withPageSizes(PAGE);
      default -> PageTableConfig.of(X86.LINUX);
    };
  }

  /** Counts flushes, and the bytes from the first of each to the last. */
  private static final class Flushes implements IotlbFlush {
    private long waits;
    private long bytes;

    @Override
    public void flush(PageTable table, IotlbGather gather) {
      waits++;
      for (int i = 0; i < gather.rangeCount(); i++) {
        bytes += gather.rangeLast(i) - gather.rangeFirst(i) + 1;
      }
    }
  }

  private final Random random = new Random(5);
  private final Map<Reason, Integer> refusals = new EnumMap<>(Reason.class);
  private long granule = PAGE;

  private long address() {
    return switch (random.nextInt(40)) {
      case 0 -> -PAGE * random.nextInt(4);
      case 1 -> (1L << 48) - PAGE * random.nextInt(4);
      case 2 -> (1L << 52) - PAGE * random.nextInt(4);
      case 3 -> random.nextInt(1 << 24);
      case 4 -> random.nextLong();
      default -> random.nextInt(2048) * PAGE & -granule;
    };
  }

  private long length() {
    return switch (random.nextInt(40)) {
      case 0 -> 0;
      case 1 -> random.nextInt(1 << 20);
      case 2 -> random.nextLong();
      case 3 -> 1L << (30 + random.nextInt(30));
      default -> granule << random.nextInt(11);
    };
  }

  private String answer(LongSupplier work) {
    try {
      return Long.toHexString(work.getAsLong());
    } catch (PageTableException e) {
      refusals.merge(e.reason(), 1, Integer::sum);
      return e.reason().name();
    }
  }

  private static List<String> leaves(PageTable table) {
    List<String> leaves = new ArrayList<>();
    for (LeafCursor leaf = table.leaves(); leaf.advance(); ) {
      leaves.add(
          "%x 2^%d %x %d".formatted(leaf.iova(), leaf.sizeLog2(), leaf.paddr(), leaf.access()));
    }
    return leaves;
  }

  @ParameterizedTest
  @CsvSource({
    "v1, false",
    "v1, true",
    "v1 of 48 bits, false",
    "v1 of 4K and 2M, true",
    "v1 of 16K up, false",
    "v1 of 4K, true",
    "x86, false"
  })
  void everyAnswerLeafAndFlushIsThatOfABareTable(String name, boolean joinsAtOnce) {
    PageTableConfig config = config(name);
    granule = Long.lowestOneBit(config.pageSizes());
    Flushes flushes = new Flushes();
    Flushes bareFlushes = new Flushes();
    try (TableMemory memory = TableMemory.builder().capacityBytes(TABLE_BYTES).build();
        TableMemory bareMemory = TableMemory.builder().capacityBytes(TABLE_BYTES).build();
        TableSpace space = new TableSpace(memory, config, joinsAtOnce, flushes);
        PageTable bare = PageTable.create(bareMemory, config)) {
      IotlbGather gather = bare.newGather();
      for (int step = 0; step < 6000; step++) {
        long iova = address();
        long length = length();
        // Mostly where it goes on in what is beside it, so that leaves reach over several maps.
        long paddr = random.nextInt(4) == 0 ? address() : PADDR + iova % (1L << 30);
        int access = random.nextInt(10) == 0 ? random.nextInt(5) : Access.READ_WRITE;
        int log2 = random.nextInt(20) == 0 ? random.nextInt(64) : 12 + random.nextInt(12);
        int what = random.nextInt(9);
        String text = "%d: %d %x+%x %x %d".formatted(step, what, iova, length, paddr, log2);
        String expected =
            answer(() ->
                switch (what) {
                  case 0, 1, 2, 3 -> {
                    bare.map(iova, paddr, length, access);
                    yield length;
                  }
                  case 4, 5, 6 -> bare.unmap(iova, length, gather);
                  case 7 -> bare.split(iova, length, log2, gather);
                  default -> bare.merge(iova, length, log2, gather);
                });
        if (!gather.isEmpty()) {
          bareFlushes.flush(bare, gather);
          gather.complete();
        }
        String found =
            answer(() ->
                switch (what) {
                  case 0, 1, 2, 3 -> {
                    space.map(iova, Backing.physical(), paddr, paddr, length, access);
                    yield length;
                  }
                  case 4, 5, 6 -> space.unmap(iova, length);
                  case 7 -> space.split(iova, length, log2);
                  default -> space.merge(iova, length, log2);
                });
        assertEquals(expected, found, text);
        assertEquals(bareFlushes.waits, flushes.waits, text);
        if (step % 20 == 0) {
          assertEquals(leaves(bare), leaves(space.table().table()), text);
          // A space leaves out what lies before the first area of a range and behind the last.
          assertTrue(Long.compareUnsigned(flushes.bytes, bareFlushes.bytes) <= 0, text);
          assertEquals(bareMemory.usedBytes(), memory.usedBytes(), text);
        }
      }
    }
    for (Reason reason : Reason.values()) {
      boolean isRare = reason == Reason.CLOSED || reason == Reason.OUT_OF_TABLE_MEMORY;
      assertTrue(isRare || refusals.getOrDefault(reason, 0) > 10, refusals.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void mapsThatGoOnInEachOtherGetOneLeaf(boolean joinsAtOnce) {
    try (TableMemory memory = TableMemory.builder().build();
        TableSpace space = new TableSpace(memory, V1, joinsAtOnce, new Flushes())) {
      for (long at : new long[] {MIB, 0, 3 * MIB, 2 * MIB}) {
        space.map(at, Backing.physical(), PADDR + at, PADDR + at, MIB, Access.READ_WRITE);
      }
      assertEquals(4 * MIB, space.merge(0, 4 * MIB, 22));
      assertEquals(
          List.of("0 2^22 %x %d".formatted(PADDR, Access.READ_WRITE)),
          leaves(space.table().table()));
    }
  }
}
