package dev.cleave.bench.image.table;

import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Decodes a table and judges every entry that an address can reach.
 *
 * <p>Whatever the memory holds, the work is bounded. Levels must fall with every step, so a path
 * has six tables at most. Each table is decoded once; one that is reached again, by another way or
 * by a loop, is an error, and is decoded again only {@link #REVISIT_LIMIT} times in all, because
 * the number of ways through a few pages that point at each other is astronomical. After that, or
 * after {@link #ERROR_LIMIT} errors, the decoder stops and says so with {@link Rule#TRUNCATED}.
 *
 * <p>One object decodes one table once. Not thread-safe.
 */
public final class TableDecoder {
  /** How often tables that were decoded already are decoded again. */
  static final int REVISIT_LIMIT = 1024;

  /** After how many errors a table is not worth reading on. */
  static final int ERROR_LIMIT = 100_000;

  /** Neither the address of a page nor the name of a group. */
  private static final long NONE = -1;

  /** Where a table was first reached. */
  private record Reached(int level, long iova) {}

  private final TableSource source;
  private final TableRoot root;
  private final EntryFormat format;
  private final EntryRules rules;
  private final TableVisitor visitor;
  private final Map<Long, Reached> reached = new HashMap<>();
  private final long[] path = new long[Geometry.levelsFor(-1) + 1];
  private long brokenGroup = NONE;
  private int revisits;
  private int errors;
  private boolean stopped;

  private TableDecoder(PhysicalMemory memory, TableRoot root, TableVisitor visitor) {
    this.source = new TableSource(memory, root.host());
    this.root = root;
    this.format = root.format();
    this.rules = EntryRules.of(format);
    this.visitor = visitor;
    Arrays.fill(path, NONE);
  }

  /**
   * Decodes a table.
   *
   * @param memory where it lies
   * @param root its top
   * @param visitor who is told
   */
  public static void decode(PhysicalMemory memory, TableRoot root, TableVisitor visitor) {
    TableDecoder decoder = new TableDecoder(memory, root, visitor);
    if (decoder.source.isBacked(root.paddr())) {
      decoder.reached.put(root.paddr(), new Reached(root.levels(), 0));
      decoder.table(root.paddr(), root.levels(), 0, root.access(), true);
    } else {
      decoder.report(
          Rule.DANGLING, null, "the root " + Numbers.hex(root.paddr()) + " is not in the image");
    }
    visitor.end();
  }

  private void table(long table, int level, long iova, int access, boolean first) {
    path[level] = table;
    int reachable = entries(level);
    boolean empty = true;
    for (int index = 0; index < reachable && !stopped; ) {
      long entry = source.entry(table, index);
      if (!format.isPresent(entry)) {
        index++;
        continue;
      }
      empty = false;
      long at = root.iova(iova + ((long) index << Geometry.entryLog2(level)));
      Site site = new Site(table, level, index, at, entry);
      Rule refusal = rules.refusal(entry, level);
      if (refusal != null) {
        report(refusal, site, rules.detail(refusal, entry, level));
      }
      if (!format.isLeaf(entry, level)) {
        directory(site, Access.both(access, format.access(entry)), refusal);
        index++;
      } else if (refusal != null) {
        index++;
      } else {
        index += leaf(site, Access.both(access, format.access(entry)));
      }
    }
    if (!stopped) {
      unreachable(table, level, reachable);
    }
    path[level] = NONE;
    if (first) {
      visitor.table(table, level, iova, empty);
    }
  }

  /** Entries that decode an address: all but at level 6, where only seven address bits are left. */
  private static int entries(int level) {
    return 1 << Math.min(Geometry.TABLE_ENTRIES_LOG2, Long.SIZE - Geometry.entryLog2(level));
  }

  private void unreachable(long table, int level, int from) {
    for (int index = from; index < Geometry.TABLE_ENTRIES; index++) {
      long entry = source.entry(table, index);
      if (format.isPresent(entry)) {
        report(
            Rule.UNREACHABLE_ENTRY,
            new Site(table, level, index, 0, entry),
            "only entries below %d decode an address at level %d".formatted(from, level));
        return;
      }
    }
  }

  private void directory(Site site, int access, @Nullable Rule refusal) {
    int nextLevel = rules.nextLevel(site.entry(), site.level());
    long next = format.tablePaddr(site.entry());
    Rule broken = refusal != null ? refusal : pointer(site, next, nextLevel);
    String note = nextLevel < site.level() - 1 ? "skip" : "";
    visitor.directory(
        new DirectoryRow(site, nextLevel, next, broken != null ? broken.toString() : note));
    if (stopped || refusal != null || broken == Rule.DANGLING) {
      return;
    }
    boolean first = broken == null;
    if (first) {
      reached.put(next, new Reached(nextLevel, site.iova()));
    }
    table(next, nextLevel, site.iova(), access, first);
  }

  /** Judges where a directory points; null when a table is there that was not reached before. */
  private @Nullable Rule pointer(Site site, long next, int nextLevel) {
    if (!source.isBacked(next)) {
      report(Rule.DANGLING, site, "the table " + Numbers.hex(next) + " is not in the image");
      return Rule.DANGLING;
    }
    Reached before = reached.get(next);
    if (before == null) {
      return null;
    }
    boolean loop = Arrays.stream(path).anyMatch(table -> table == next);
    Rule rule = loop ? Rule.LOOP : Rule.REACHED_TWICE;
    report(
        rule,
        site,
        "the table %s, here of level %d, was reached before at iova %s as level %d"
            .formatted(Numbers.hex(next), nextLevel, Numbers.hex(before.iova), before.level));
    if (++revisits > REVISIT_LIMIT) {
      stop("tables that were reached before were met more than %d times".formatted(REVISIT_LIMIT));
    }
    return rule;
  }

  private int leaf(Site site, int access) {
    int level = site.level();
    int sizeLog2 = format.leafSizeLog2(site.entry(), level);
    int slots = rules.slots(site.entry(), level);
    int start = site.index() / slots * slots;
    int end = site.index() + 1;
    while (end < start + slots && same(site.entry(), source.entry(site.table(), end))) {
      end++;
    }
    int run = end - site.index();
    if (run != slots && brokenGroup != group(site, sizeLog2)) {
      brokenGroup = group(site, sizeLog2);
      report(
          Rule.REPLICAS_DIFFER,
          site,
          "a leaf of %s must stand in slots %d to %d alike, it stands in %d to %d"
              .formatted(
                  Numbers.size(1L << sizeLog2), start, start + slots - 1, site.index(), end - 1));
    }
    Rule doubt = rules.doubt(site.entry(), level);
    if (doubt != null) {
      report(doubt, site, rules.detail(doubt, site.entry(), level));
    }
    int slotLog2 = Geometry.entryLog2(level);
    visitor.leaf(
        new LeafRow(
            site,
            format.leafPaddr(site.entry(), level) + ((long) (site.index() - start) << slotLog2),
            (long) run << slotLog2,
            1L << sizeLog2,
            access,
            rules.nextLevelField(site.entry()),
            run));
    return run;
  }

  /** Names the slots that a leaf should fill, so that their being broken is reported once. */
  private static long group(Site leaf, int sizeLog2) {
    return leaf.iova() >>> sizeLog2 << sizeLog2 | sizeLog2;
  }

  private boolean same(long one, long other) {
    return ((one ^ other) & ~format.statusMask()) == 0;
  }

  private void report(Rule rule, @Nullable Site site, String detail) {
    visitor.finding(new Finding(rule, site, detail));
    if (rule.severity() == Rule.Severity.ERROR && ++errors == ERROR_LIMIT) {
      stop("more than %d errors".formatted(ERROR_LIMIT - 1));
    }
  }

  private void stop(String why) {
    if (!stopped) {
      stopped = true;
      visitor.finding(
          new Finding(Rule.TRUNCATED, null, why + ": the rest of the table was not decoded"));
    }
  }
}
