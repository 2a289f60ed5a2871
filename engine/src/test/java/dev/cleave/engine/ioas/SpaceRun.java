package dev.cleave.engine.ioas;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.X86;
import dev.cleave.engine.memory.TablePages;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** One random run of two spaces, of the tables that move between them, and of their models. */
final class SpaceRun implements AutoCloseable {
  private static final long PAGE = 4096;
  private static final int TABLE_PAGES = 1 << 12;
  private static final long SIZES_4K_2M_1G = 1L << 12 | 1L << 21 | 1L << 30;
  private static final int LAST_OPERATIONS = 12;

  private final long seed;
  private final int windowPages;
  private final Random random;
  private final TablePages pages =
      TablePages.reserve(TABLE_PAGES * PAGE, TABLE_PAGES * PAGE, 1L << 40, false);
  private final TableMemory tableMemory = TableMemory.of(pages);
  private final List<HardwarePageTable> tables = new ArrayList<>();
  private final List<Backing> memories = new ArrayList<>();
  private final IoAddressSpace[] spaces = new IoAddressSpace[2];
  private final SpaceModel[] models = new SpaceModel[2];
  private final List<List<IovaReservation>> reservations =
      List.of(new ArrayList<>(), new ArrayList<>());
  private final Deque<String> last = new ArrayDeque<>();
  private int step;
  private int done;
  private int outOfMemory;
  private int joins;

  SpaceRun(long seed, int windowPages, UnmapRule rule) {
    this.seed = seed;
    this.windowPages = windowPages;
    this.random = new Random(seed);
    PageTableConfig v1 = PageTableConfig.of(AmdV1.LINUX).withWidths(48, 52);
    for (PageTableConfig config :
        List.of(
            v1,
            v1.withLargestLeaf(15),
            PageTableConfig.of(X86.LINUX),
            v1.withPageSizes(SIZES_4K_2M_1G).withWidths(40, 52))) {
      tables.add(HardwarePageTable.create(tableMemory, config, (table, gather) -> {}));
    }
    for (int i = 0; i < 2; i++) {
      BumpyRule bumpy = new BumpyRule(16, windowPages / 16);
      spaces[i] = new IoAddressSpace(rule, 21);
      spaces[i].addRule(bumpy);
      models[i] = new SpaceModel(rule, windowPages, bumpy);
    }
    for (int i = 0; i < 8; i++) {
      memories.add(i < 4 ? Backing.physical() : memory(i));
    }
  }

  private Backing memory(int number) {
    long[] frames = new long[windowPages];
    long frame = 1 << 20;
    for (int i = 0; i < frames.length; i++) {
      if (random.nextInt(12) == 0) {
        frame += 1 + random.nextInt(40);
      }
      boolean isHole = number == 5 && random.nextInt(30) == 0;
      frames[i] = isHole ? -1 : frame++;
    }
    return new TestMemory(frames, number != 6);
  }

  int done() {
    return done;
  }

  int outOfMemory() {
    return outOfMemory;
  }

  int joins() {
    return joins;
  }

  // ---- choices -------------------------------------------------------------------------------

  private long page() {
    return random.nextInt(windowPages) * PAGE;
  }

  /** Bytes: pages, mostly few, sometimes a piece of one. */
  private long length() {
    int most = random.nextInt(4) == 0 ? windowPages / 2 : Math.max(8, windowPages / 16);
    long bytes = (1 + random.nextInt(most)) * PAGE;
    return random.nextInt(60) == 0 ? bytes - random.nextInt(4096) : bytes;
  }

  private long iova() {
    return random.nextInt(60) == 0 ? page() + random.nextInt(4096) : page();
  }

  private int access() {
    return random.nextInt(3) == 0 ? 1 : 3;
  }

  private long offset(Backing memory, long iova) {
    if (!memory.equals(Backing.physical())) {
      return random.nextInt(2) == 0 ? page() : Math.min(iova, (windowPages - 1) * PAGE);
    }
    // Mostly congruent to the iova, so that large leaves fit.
    long base = (1L + random.nextInt(3)) << 30;
    return random.nextInt(4) == 0 ? base + page() : base + iova;
  }

  /** A range of granularity whose ends no leaf that it allows reaches over. */
  private int limitLog2() {
    int[] limits = {12, 13, 14, 16, IoAddressSpace.UNLIMITED, IoAddressSpace.UNLIMITED};
    return limits[random.nextInt(limits.length)];
  }

  // ---- steps ---------------------------------------------------------------------------------

  void step() {
    step++;
    int of = random.nextInt(5) == 0 ? 1 : 0;
    IoAddressSpace space = spaces[of];
    SpaceModel model = models[of];
    long held = random.nextInt(4) == 0 ? holdTableMemory() : 0;
    long iova = iova();
    long length = length();
    Backing memory = memories.get(random.nextInt(memories.size()));
    long offset = offset(memory, iova);
    int access = access();
    List<SpaceModel.Area> piece =
        length == 0
            ? List.of()
            : List.of(
                new SpaceModel.Area(0, length - 1, memory, offset, access, (access & 2) != 0));
    int what = random.nextInt(100);
    String place = of + ": %x+%x".formatted(iova, length);
    if (what < 24) {
      both(
          "map " + place,
          () -> done(() -> space.map(iova, memory, offset, length, access)),
          () -> done(() -> model.map(iova, piece, length, access)));
    } else if (what < 30) {
      both(
          "mapAnywhere " + place,
          () -> space.mapAnywhere(memory, offset, length, access),
          () -> model.mapAnywhere(piece, length, access));
    } else if (what < 50) {
      unmap(of, "unmap " + place, iova, length);
    } else if (what < 58) {
      copy(of, iova, length, access);
    } else if (what < 72) {
      granularity(space, model, of);
    } else if (what < 79) {
      bump(space, model, of);
    } else if (what < 80) {
      resize(of, iova, length);
    } else if (what < 82) {
      join(of);
    } else if (what < 84) {
      both("cut " + place, () -> done(() -> space.cut(iova)), () -> done(() -> model.cut(iova)));
    } else if (what < 91) {
      attachOrDetach(of);
    } else if (what < 95) {
      reserveOrRelease(of);
    } else if (what < 97) {
      allow(space, model, of);
    } else if (what < 98) {
      hugePages(space, model, of);
    } else if (random.nextInt(10) == 0) {
      both("unmapAll " + of, space::unmapAll, () -> bytesOfAll(model));
    }
    pages.unreserve(held);
    check(of);
  }

  private static Long done(Runnable work) {
    work.run();
    return 0L;
  }

  private static long bytesOfAll(SpaceModel model) {
    long bytes =
        model.areas.values().stream().mapToLong(area -> area.last() - area.first() + 1).sum();
    model.areas.clear();
    return bytes;
  }

  /** Leaves a handful of table pages. */
  private long holdTableMemory() {
    long free = TABLE_PAGES - tableMemory.usedBytes() / PAGE;
    long held = free - random.nextInt(6);
    return held > 0 && pages.tryReserve(held) ? held : 0;
  }

  /** Does the same with both; returns whether it was done. */
  private boolean both(String text, Supplier<Long> real, Supplier<Long> expected) {
    last.addLast(step + " " + text);
    if (last.size() > LAST_OPERATIONS) {
      last.removeFirst();
    }
    String found = answer(real);
    if (found.equals(Errno.ENOMEM.name())) {
      outOfMemory++; // the model goes on from where it was: nothing may have changed
      return false;
    }
    String wanted = answer(expected);
    if (!found.equals(wanted)) {
      fail("%s: expected %s, found %s%s".formatted(text, wanted, found, story()));
    }
    boolean isDone = found.startsWith("0x");
    done += isDone ? 1 : 0;
    return isDone;
  }

  private static String answer(Supplier<Long> work) {
    try {
      return "0x" + Long.toHexString(work.get());
    } catch (IoasException e) {
      return e.errno().name();
    } catch (SpaceModel.Refused e) {
      return e.errno.name();
    }
  }

  private String story() {
    return "; seed %d, step %d, the last operations: %s"
        .formatted(seed, step, String.join("; ", last));
  }

  /** Mostly of what is there. */
  private void unmap(int of, String text, long iova, long length) {
    SpaceModel model = models[of];
    SpaceModel.Area area = random.nextInt(3) == 0 ? null : anArea(model);
    long first = area == null ? iova : area.first();
    long bytes = area == null ? length : area.last() - first + 1;
    if (area != null && random.nextInt(2) == 0) {
      bytes += length;
    }
    long all = bytes;
    both(
        text + " " + Long.toHexString(first) + "+" + Long.toHexString(all),
        () -> spaces[of].unmap(first, all),
        () -> model.unmap(first, all));
  }

  private SpaceModel.@Nullable Area anArea(SpaceModel model) {
    if (model.areas.isEmpty()) {
      return null;
    }
    var found = model.areas.ceilingEntry(page());
    return found == null ? model.areas.firstEntry().getValue() : found.getValue();
  }

  /** Joins what has just been cut, mostly; leaves are brought to it afterwards. */
  private void join(int of) {
    SpaceModel.Area area = anArea(models[of]);
    long at = area == null || random.nextInt(4) == 0 ? page() : middle(area);
    if (area != null) {
      both(
          "cut %d: %x".formatted(of, at),
          () -> done(() -> spaces[of].cut(at)),
          () -> done(() -> models[of].cut(at)));
    }
    SpaceModel.Area joined = models[of].join(at);
    both(
        "join %d: %x".formatted(of, at),
        () ->
            done(() -> {
              spaces[of].join(at);
              if (joined != null && !models[of].tables.isEmpty()) {
                spaces[of].adjust(joined.first(), joined.last() - joined.first() + 1);
              }
            }),
        () -> 0L);
    joins += joined == null ? 0 : 1;
  }

  private long middle(SpaceModel.Area area) {
    long bytes = area.last() - area.first() + 1;
    return area.first() + Math.max(PAGE, random.nextInt((int) (bytes / PAGE + 1)) * PAGE);
  }

  /** Splits and merges once; then leaves are as large as they can be again. */
  private void resize(int of, long iova, long length) {
    int most = 12 + random.nextInt(5);
    int merged = 12 + random.nextInt(5);
    both(
        "resize %d: %x+%x %d %d".formatted(of, iova, length, most, merged),
        () -> {
          long bytes = spaces[of].inTables().split(iova, length, most);
          checkSizes(of, iova, length, most);
          assertEquals(bytes, spaces[of].inTables().merge(iova, length, merged));
          checkSizes(of, iova, length, Math.max(most, merged));
          spaces[of].adjust(iova, length);
          return bytes;
        },
        () -> models[of].resizable(iova, length));
  }

  private void checkSizes(int of, long iova, long length, int most) {
    check(() -> spaces[of].tables().forEach(table -> SpaceCheck.sizes(table, iova, length, most)));
  }

  private void copy(int of, long iova, long length, int access) {
    int from = random.nextInt(2);
    SpaceModel.Area area = anArea(models[from]);
    long source = area == null || random.nextInt(4) == 0 ? page() : area.first();
    long bytes = area == null || random.nextInt(2) == 0 ? length : area.last() - area.first() + 1;
    String text = "copy %d: %x from %d: %x+%x".formatted(of, iova, from, source, bytes);
    if (random.nextInt(2) == 0) {
      both(
          text,
          () -> done(() -> spaces[of].copy(spaces[from], source, bytes, iova, access)),
          () ->
              done(() -> models[of].map(iova, models[from].copied(source, bytes), bytes, access)));
    } else {
      both(
          text + " anywhere",
          () -> spaces[of].copyAnywhere(spaces[from], source, bytes, access),
          () -> models[of].mapAnywhere(models[from].copied(source, bytes), bytes, access));
    }
  }

  private void granularity(IoAddressSpace space, SpaceModel model, int of) {
    int log2 = limitLog2();
    // Ends are multiples of the largest limit, so that no leaf reaches over one because of another.
    long unit = 1L << 16;
    int blocks = (int) (windowPages * PAGE / unit);
    long first = random.nextInt(blocks) * unit;
    long length = (1 + random.nextInt(Math.min(4, blocks - (int) (first / unit)))) * unit;
    both(
        "granularity %d: %x+%x %d".formatted(of, first, length, log2),
        () -> done(() -> space.setGranularity(first, length, log2)),
        () -> done(() -> model.setGranularity(first, length, log2)));
  }

  private void bump(IoAddressSpace space, SpaceModel model, int of) {
    int block = random.nextInt(model.rule.blocks());
    int old = model.rule.limit(block * model.rule.blockBytes());
    model.rule.set(block, limitLog2());
    boolean isDone =
        both(
            "rule %d: block %d".formatted(of, block),
            () ->
                done(() -> space.adjust(block * model.rule.blockBytes(), model.rule.blockBytes())),
            () -> 0L);
    if (!isDone) {
      model.rule.set(block, old);
    }
  }

  private void attachOrDetach(int of) {
    HardwarePageTable table = tables.get(random.nextInt(tables.size()));
    PageTableConfig config = table.table().config();
    IoAddressSpace where = table.space();
    if (where == null) {
      both(
          "attach %d: %s".formatted(of, config),
          () -> done(() -> spaces[of].attach(table)),
          () -> done(() -> models[of].attach(config)));
    } else {
      int at = where == spaces[0] ? 0 : 1;
      both(
          "detach %d: %s".formatted(at, config),
          () -> done(() -> where.detach(table)),
          () -> done(() -> models[at].tables.remove(config)));
      checkLeaves(table, List.of());
      check(at);
    }
  }

  private void reserveOrRelease(int of) {
    List<IovaReservation> held = reservations.get(of);
    if (!held.isEmpty() && random.nextInt(2) == 0) {
      int which = random.nextInt(held.size());
      models[of].reserved.remove(held.get(which).ranges());
      held.remove(which).close();
      return;
    }
    List<IovaRange> ranges = new ArrayList<>();
    for (int i = 0; i <= random.nextInt(2); i++) {
      long first = page();
      ranges.add(new IovaRange(first, first + (1 + random.nextInt(3)) * PAGE - 1));
    }
    both(
        "reserve %d: %s".formatted(of, ranges),
        () -> done(() -> held.add(spaces[of].reserve(ranges))),
        () -> done(() -> models[of].reserve(ranges)));
  }

  private void allow(IoAddressSpace space, SpaceModel model, int of) {
    List<IovaRange> ranges = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      long first = iova();
      ranges.add(new IovaRange(first, first + random.nextInt(1 << 17)));
    }
    both(
        "allow %d: %s".formatted(of, ranges),
        () -> done(() -> space.setAllowed(ranges)),
        () -> done(() -> model.setAllowed(ranges)));
  }

  /** Only where no leaf is: those that are there keep their size, and the model has no memory. */
  private void hugePages(IoAddressSpace space, SpaceModel model, int of) {
    boolean isAllowed = random.nextInt(4) != 0;
    if (!isAllowed || model.tables.isEmpty() || model.areas.isEmpty()) {
      both(
          "hugePages %d: %b".formatted(of, isAllowed),
          () -> done(() -> space.setHugePages(isAllowed)),
          () -> done(() -> model.setHugePages(isAllowed)));
    }
  }

  // ---- compare -------------------------------------------------------------------------------

  private void check(int of) {
    check(() -> SpaceCheck.all(spaces[of], models[of]));
  }

  private void checkLeaves(HardwarePageTable table, List<SpaceModel.Leaf> expected) {
    check(() -> SpaceCheck.leaves(table, expected));
  }

  private void check(Runnable comparison) {
    try {
      comparison.run();
    } catch (AssertionError e) {
      fail(e.getMessage() + story(), e);
    }
  }

  @Override
  public void close() {
    for (IoAddressSpace space : spaces) {
      space.close();
    }
    tables.forEach(HardwarePageTable::close);
    assertEquals(0, tableMemory.usedBytes(), "table memory that was not given back");
    tableMemory.close();
  }
}
