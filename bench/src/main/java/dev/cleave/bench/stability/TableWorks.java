package dev.cleave.bench.stability;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.bench.rival.SplitFollower;
import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** The operations of one table of four levels, in one format. */
final class TableWorks {
  private static final long SIZES = 1L << PAGE_LOG2 | 1L << REGION_LOG2 | 1L << 30;
  private static final int REGIONS = 64;
  private static final int PAGES = 1 << 12;
  private static final long GIB = 1L << 30;
  private static final long PADDR = 1L << 40;
  private static final long CAPACITY_BYTES = 1L << 30;

  /** Guest memory that large leaves map; the pages that come and go lie below it. */
  private static final long LARGE = GIB;

  /** Where tables and leaves come and go whole. */
  private static final long EMPTY = 4 * GIB;

  private final String format;
  private final EntryFormat entries;
  private final TableMemory memory =
      TableMemory.builder().capacityBytes(CAPACITY_BYTES).hugePages(true).build();
  private final PageTable table;
  private final IotlbGather gather;
  private final long[] pages = new long[PAGES];

  TableWorks(String format, EntryFormat entries) {
    this.format = format;
    this.entries = entries;
    table = PageTable.create(memory, config(entries.leafSizes()));
    gather = table.newGather();
    Random random = new Random(1);
    for (int i = 0; i < PAGES; i++) {
      long region = random.nextInt(REGIONS) * REGION_BYTES;
      pages[i] = region + (long) random.nextInt(511) * PAGE_BYTES;
    }
    for (int i = 1; i <= REGIONS; i++) {
      long last = i * REGION_BYTES - PAGE_BYTES;
      table.map(last, PADDR + last, PAGE_BYTES, Access.READ_WRITE);
    }
    table.map(LARGE, PADDR + LARGE, REGIONS * REGION_BYTES, Access.READ_WRITE);
    // so that the tables above what comes and goes stay
    table.map(EMPTY + GIB - PAGE_BYTES, PADDR, PAGE_BYTES, Access.READ_WRITE);
    table.map(EMPTY + 2 * GIB, PADDR, PAGE_BYTES, Access.READ_WRITE);
  }

  private PageTableConfig config(long sizes) {
    return PageTableConfig.of(entries).withLevels(4).withPageSizes(sizes & entries.leafSizes());
  }

  /** Those that the format has. */
  List<Work> all() {
    List<Work> works = new ArrayList<>();
    works.add(page());
    works.add(translate());
    works.add(piece("256 pages in one call", EMPTY, 256 * PAGE_BYTES, PAGE_BYTES));
    works.add(piece("2 MiB of pages", EMPTY, REGION_BYTES, PAGE_BYTES));
    works.add(piece("64 MiB of pages", EMPTY, REGIONS / 2 * REGION_BYTES, PAGE_BYTES));
    works.add(piece("one 2 MiB leaf", EMPTY, REGION_BYTES, 0));
    works.add(piece("one 1 GiB leaf", EMPTY + GIB, GIB, 0));
    if ((entries.leafSizes() & 1 << 16) != 0) {
      works.add(piece("one leaf of 64 KiB", EMPTY, 1 << 16, 0));
      works.add(piece("one leaf of 1 MiB", EMPTY, 1 << 20, 0));
    }
    works.add(region());
    works.add(protect());
    works.add(dirty());
    works.add(follow());
    works.add(fit());
    works.add(space());
    return works;
  }

  private String name(String what) {
    return format + ": " + what;
  }

  private Work page() {
    return new Work(name("map and unmap one page")) {
      private int next;

      @Override
      long run(int times) {
        long sum = 0;
        for (int i = 0; i < times; i++) {
          long page = pages[next++ & (PAGES - 1)];
          table.map(page, PADDR + page, PAGE_BYTES, Access.READ_WRITE);
          sum += table.unmap(page, PAGE_BYTES, gather);
          gather.complete();
        }
        return sum;
      }
    };
  }

  private Work translate() {
    return new Work(name("translate")) {
      private int next;

      @Override
      long run(int times) {
        long sum = 0;
        for (int i = 0; i < times; i++) {
          sum += table.translate(LARGE + pages[next++ & (PAGES - 1)]);
        }
        return sum;
      }
    };
  }

  /** Memory whose paddr is so much off its iova decides the size of leaves. */
  private Work piece(String what, long iova, long length, long off) {
    return new Work(name("map and unmap " + what)) {
      @Override
      long run(int times) {
        long sum = 0;
        for (int i = 0; i < times; i++) {
          table.map(iova, PADDR + iova + off, length, Access.READ_WRITE);
          sum += table.unmap(iova, length, gather);
          gather.complete();
        }
        return sum;
      }
    };
  }

  private Work region() {
    return new Work(name("split 2 MiB and merge it")) {
      private int next;

      @Override
      long run(int times) {
        long sum = 0;
        for (int i = 0; i < times; i++) {
          long region = LARGE + (next++ & (REGIONS - 1)) * REGION_BYTES;
          sum += table.split(region, REGION_BYTES, PAGE_LOG2, gather);
          gather.complete();
          sum += table.merge(region, REGION_BYTES, REGION_LOG2, gather);
          gather.complete();
        }
        return sum;
      }
    };
  }

  private Work protect() {
    return new Work(name("protect 2 MiB, and again")) {
      @Override
      long run(int times) {
        long sum = 0;
        for (int i = 0; i < times; i++) {
          sum += table.protect(LARGE, REGION_BYTES, Access.READ, gather);
          gather.complete();
          sum += table.protect(LARGE, REGION_BYTES, Access.READ_WRITE, gather);
          gather.complete();
        }
        return sum;
      }
    };
  }

  private Work dirty() {
    long iova = EMPTY + 2 * GIB + REGION_BYTES;
    table.map(iova, PADDR + PAGE_BYTES, REGION_BYTES, Access.READ_WRITE);
    DirtyBitmap bitmap = new DirtyBitmap(iova, REGION_BYTES, PAGE_LOG2);
    return new Work(name("read and clear dirty of 2 MiB of pages")) {
      @Override
      long run(int times) {
        long sum = 0;
        for (int i = 0; i < times; i++) {
          table.setDirty(iova + (long) (i & 511) * PAGE_BYTES, PAGE_BYTES);
          sum += table.readAndClearDirty(iova, REGION_BYTES, bitmap, gather);
          gather.complete();
        }
        return sum;
      }
    };
  }

  /** A guest of its own, all private. */
  private Work follow() {
    long bytes = REGIONS * REGION_BYTES;
    PageTable guest = PageTable.create(memory, config(SIZES));
    RmpBitmap bitmap = new RmpBitmap(bytes);
    bitmap.setLarge(0, bytes, true);
    guest.map(0, PADDR, bytes, Access.READ_WRITE, bitmap.rule());
    SplitFollower follower = new SplitFollower(guest, bitmap);
    return new Work(name("share one page and unshare it")) {
      private int next;

      @Override
      long run(int times) {
        for (int i = 0; i < times; i++) {
          long page = pages[next++ & (PAGES - 1)];
          follower.share(page, PAGE_BYTES);
          follower.unshare(page, PAGE_BYTES);
        }
        return next;
      }
    };
  }

  /** One region in eight is mixed. */
  private Work fit() {
    long bytes = REGIONS * REGION_BYTES;
    PageTable guest = PageTable.create(memory, config(SIZES));
    RmpBitmap bitmap = new RmpBitmap(bytes);
    bitmap.setLarge(0, bytes, true);
    for (long at = 0; at < bytes; at += 8 * REGION_BYTES) {
      bitmap.share(at, PAGE_BYTES);
    }
    guest.map(0, PADDR, bytes, Access.READ_WRITE, bitmap.rule());
    IotlbGather debt = guest.newGather();
    return new Work(name("fit 128 MiB that are as they should be")) {
      @Override
      long run(int times) {
        for (int i = 0; i < times; i++) {
          guest.fit(0, bytes, bitmap.rule(), debt);
          debt.complete();
        }
        return times;
      }
    };
  }

  /** Among as many areas as there are places. */
  private Work space() {
    IoAddressSpace space = new IoAddressSpace();
    space.attach(HardwarePageTable.create(memory, config(SIZES), (_, _) -> {}));
    for (long i = 0; i < PAGES; i++) {
      space.map(2 * i * PAGE_BYTES, PADDR, PAGE_BYTES, Access.READ_WRITE);
    }
    return new Work(name("map and unmap a page of an address space")) {
      private int next;

      @Override
      long run(int times) {
        long sum = 0;
        for (int i = 0; i < times; i++) {
          long iova = (2L * (next++ * 31 & (PAGES - 1)) + 1) * PAGE_BYTES;
          space.map(iova, PADDR, PAGE_BYTES, Access.READ_WRITE);
          sum += space.unmap(iova, PAGE_BYTES);
        }
        return sum;
      }
    };
  }
}
