package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;
import static dev.cleave.engine.format.Geometry.leafLevel;
import static dev.cleave.engine.format.Geometry.offsetMask;

import com.google.errorprone.annotations.CheckReturnValue;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;
import dev.cleave.engine.recording.FitEvent;
import dev.cleave.engine.recording.Recording;
import java.util.Objects;

/**
 * A radix page table in off-heap memory, bit for bit what hardware walks.
 *
 * <h2>What an operation does</h2>
 *
 * <p>It changes precisely the range it is given, or nothing: every argument is checked and every
 * table page reserved before the first store. {@link #unmap}, {@link #protect}, {@link #split},
 * {@link #merge} and {@link #fit} skip holes, act on what is mapped and return how many bytes that
 * was; {@link #map} refuses any overlap. What reaches over an end of the range is split there first
 * and keeps, outside, the largest leaves it can. Split and merge leave no gap, not for one instant.
 * No empty table stays in the tree, but for tops.
 *
 * <h2>Who owes a flush</h2>
 *
 * <p>Whatever changes or takes away a translation writes into an {@link IotlbGather} what must be
 * flushed. {@code map} and growing the top owe nothing, since nothing that could be cached changes,
 * and neither does a leaf that grows inside its table. Clearing a dirty bit changes what hardware
 * remembers of a leaf, and owes one.
 *
 * <h2>Outstanding flushes</h2>
 *
 * <p>When {@code map} returns, every device sees the mapping at once, with any number of gathers
 * outstanding, sealed or not, completed in any order and by any thread. What was unmapped and has
 * not been flushed may still be seen. Beside outstanding gathers each address translates as before
 * or as after, for whatever operation, and never as a hole that nobody made: hardware may remember
 * tables that an {@code unmap} took out, so a map takes such a table back, or fills it with what
 * the larger leaf over it says. Neither needs table memory. {@link IotlbFlushQueue} defers flushes
 * in batches.
 *
 * <p>A {@code map} beyond the reach of the top puts another top above it. A device that has the old
 * root goes on seeing all that lies in its reach, until {@link #topExchanged} says that it has the
 * new one; {@link #isTopHeld} tells whether that is due.
 *
 * <h2>Threads</h2>
 *
 * <p><em>Readers</em> &mdash; {@link #translate}, {@link #leafAt}, cursors &mdash; run beside
 * anything, take no lock and store nothing. So do hardware walkers, which also set accessed and
 * dirty bits at any moment. What a reader observes:
 *
 * <ul>
 *   <li>An entry is published by one aligned 8-byte store with release order, after all that it
 *       points at. Whoever follows it finds a table that is filled.
 *   <li>Beside split, merge and fit every mapped address translates as before, at every instant.
 *       Beside map, unmap and protect an address of their range translates as before or as after.
 *   <li>A table page that was taken out is reused only when the gather that carries it has been
 *       {@linkplain IotlbGather#complete completed}. Hardware is out of it by then, since its
 *       caches were flushed. A software reader may still be in it: it finds out from a count that
 *       changes before pages are reused, and looks again; it never returns what it read from a
 *       reused page.
 * </ul>
 *
 * <p><em>Writers</em> &mdash; all other operations &mdash; run side by side, in any number of
 * threads, as long as their ranges are disjoint; they may share tables and even leaves, which an
 * operation splits at the ends of its range. Each table page has a lock, and an operation holds
 * that of its home, the lowest table that has all of its range: operations in different tables do
 * not wait for each other, and a long one keeps others out of its home only. A {@code map} under
 * one rule gives a home of entries of 1 GiB or more back before it fills the tables below. Growing
 * the top is one such operation. A gather belongs to one writer at a time. A table that becomes
 * empty beside a map into it is kept, or taken back.
 *
 * <p><em>What the caller orders:</em> writers whose ranges overlap; a {@link RangeLock} does it. If
 * they run side by side all the same, each of them takes effect as if they had run in some order,
 * or is refused with a reason that would be right in that order; table memory and what is counted
 * of it stay intact. {@link #close} ends the use of the table: nobody may be in it. A bitmap and
 * the follower of it belong to one writer.
 *
 * <p>Nothing is allocated on the Java heap by any operation after construction. Errors are {@link
 * PageTableException}, with the reason, the offending address and the rule.
 *
 * <p>Source: {@code docs/spec/amd-vi.md} §1, §2, §7, {@code docs/spec/iommu-behaviour.md} §5.
 */
public final class PageTable implements AutoCloseable {
  /** What {@link #translate} returns for an address that is not mapped. */
  public static final long NOT_MAPPED = -1;

  private final TablePages pages;
  private final EntryFormat format;
  private final PageTableConfig config;
  private final IovaSpace space;
  private final RangeChecks checks;
  private final TableTree tree;
  private final TableProbe probe;
  private final TableRemover remover;
  private final HeldTops heldTops;
  private final TableMapper mapper;
  private final LeafGrower grower;
  private final PermissionWriter permissions;
  private final DirtyBits dirtyBits;
  private final DirtySetter dirtySetter;
  private final StatusCarrier status;
  private final Translator translator;
  private final BatchTranslator batches;
  private final Workspace.Parts workspaceParts;

  private PageTable(TableTree tree, PageTableConfig config) {
    this.pages = tree.pages;
    this.config = config;
    this.format = config.format();
    this.space = tree.space;
    this.checks = new RangeChecks(config, space);
    this.tree = tree;
    this.probe = new TableProbe(tree);
    TableWriter writer = new TableWriter(tree);
    this.remover = new TableRemover(tree, config.pageSizes());
    this.heldTops = new HeldTops(tree);
    this.mapper = new TableMapper(tree, probe, writer, heldTops, config.pageSizes());
    this.status = new StatusCarrier(tree);
    this.workspaceParts = new Workspace.Parts(tree, writer, config.pageSizes());
    this.grower = new LeafGrower(tree, config.pageSizes());
    this.permissions = new PermissionWriter(tree);
    this.dirtyBits = new DirtyBits(tree);
    this.dirtySetter = new DirtySetter(tree);
    this.translator = new Translator(tree);
    this.batches = new BatchTranslator(tree, translator);
  }

  /**
   * Makes an empty table.
   *
   * @param memory where its pages come from
   * @param config what it is to be like
   * @return a table that maps nothing
   * @throws PageTableException OUT_OF_TABLE_MEMORY if there is no page for the top
   */
  public static PageTable create(TableMemory memory, PageTableConfig config) {
    TablePages pages = memory.tablePages();
    if (!pages.tryReserve(1)) {
      throw Refusals.outOfMemory(1, 0, 0);
    }
    return new PageTable(TableTree.create(pages, config), config);
  }

  /**
   * Opens a table that exists already in memory attached to an image, to read it. The table must be
   * well formed: what cannot be trusted is for an auditing decoder, not for this class.
   *
   * @param memory attached memory that holds all its pages
   * @param config what it is like; {@code levels} is its number of levels
   * @param root physical address of its top
   * @return a table that refuses every change
   * @throws IllegalArgumentException if the memory is not attached, or does not hold the top
   */
  public static PageTable open(TableMemory memory, PageTableConfig config, long root) {
    if (!memory.isReadOnly() || !memory.holds(root)) {
      throw new IllegalArgumentException(
          "the top must be a page of memory attached to an image, root=0x%x".formatted(root));
    }
    return new PageTable(TableTree.open(memory.tablePages(), config, root), config);
  }

  // ---- what it is ----------------------------------------------------------------------------

  /** {@return the format of its entries} */
  public EntryFormat format() {
    return format;
  }

  /** {@return what it was made to be like} */
  public PageTableConfig config() {
    return config;
  }

  /**
   * {@return physical address of the top table} Root and levels change together: read both from one
   * {@link #top}, when a writer may be running.
   */
  public long root() {
    return root(tree.askTop());
  }

  /** {@return number of levels now, 1 to 6} */
  public int levels() {
    return levels(tree.askTop());
  }

  /** {@return root and levels at one moment: the top's paddr plus its level} */
  public long top() {
    return tree.top() == 0 ? 0 : tree.askTop();
  }

  /**
   * The root part of {@link #top}.
   *
   * @param top what it returned
   * @return physical address of the top table
   */
  public static long root(long top) {
    return TableTree.table(top);
  }

  /**
   * The level part of {@link #top}.
   *
   * @param top what it returned
   * @return number of levels
   */
  public static int levels(long top) {
    return TableTree.level(top);
  }

  /**
   * Whether an earlier top is kept for devices that may still begin their walks there. A {@code
   * map} beyond the reach of the top puts another above it; what was the top stays where it is, and
   * shows all that lies in its own reach, until {@link #topExchanged} is called. A top that nobody
   * has asked for, by {@link #top}, {@link #root} or {@link #levels}, cannot be in a device table
   * entry and is not kept.
   *
   * @return true until {@link #topExchanged}
   * @throws PageTableException CLOSED
   */
  public boolean isTopHeld() {
    return heldTops.isAny();
  }

  /**
   * Says that no device begins its walk at an earlier top any more: all device table entries have
   * this one, and the invalidation of the earlier entries has completed. Earlier tops that are
   * empty are taken out then.
   *
   * @param top what {@link #top} returned; what has grown since stays held
   * @param gather takes what is to be flushed for tables that were empty
   * @throws PageTableException CLOSED
   */
  public void topExchanged(long top, IotlbGather gather) {
    checkWritable(gather);
    heldTops.release(levels(top), remover, gather);
  }

  /**
   * What its operations have done so far. All tables are looked at.
   *
   * @return a snapshot, exact while no operation runs
   * @throws PageTableException CLOSED
   */
  public TableStatistics statistics() {
    long now = tree.openTop();
    long splits = 0;
    long merges = 0;
    long stores = probe.stores(root(now), levels(now));
    for (IotlbGather gather : tree.waiting.gathers()) {
      splits += gather.workspace.splitter.splits + gather.workspace.exchanger.splits;
      merges += gather.workspace.merger.merges;
      stores += gather.stores();
    }
    return new TableStatistics(splits, merges, stores);
  }

  /**
   * Makes a gather for this table's debts. Keep it and use it again.
   *
   * @return an empty gather
   */
  @CheckReturnValue
  public IotlbGather newGather() {
    return newGather(false);
  }

  /** Makes a gather, which may be one for many operations before it is flushed. */
  IotlbGather newGather(boolean isCoarse) {
    return tree.waiting.add(
        number -> new IotlbGather(number, tree, status, workspaceParts, isCoarse));
  }

  // ---- map -----------------------------------------------------------------------------------

  /**
   * Maps a range to contiguous memory with the largest leaves that fit.
   *
   * @param iova first address, a multiple of the smallest page
   * @param paddr output address of the first byte, likewise
   * @param length bytes, a positive multiple of the smallest page
   * @param access {@link dev.cleave.engine.format.Access} flags
   * @throws PageTableException ALREADY_MAPPED, OUT_OF_RANGE, MISALIGNED, OUT_OF_TABLE_MEMORY,
   *     NO_PERMISSION or CLOSED; nothing has changed then
   */
  public void map(long iova, long paddr, long length, int access) {
    checkWritable();
    long last = checks.lastIova(iova, length);
    long attributes = checks.attributes(iova, access);
    checks.checkOutput(paddr, length);
    if (!mapper.mapOne(iova, length, paddr, attributes)) {
      mapper.map(iova, last, paddr, attributes);
    }
  }

  /**
   * Maps a range to contiguous memory with the largest leaves that fit and that a rule allows.
   *
   * @param iova first address, a multiple of the smallest page
   * @param paddr output address of the first byte, likewise
   * @param length bytes, a positive multiple of the smallest page
   * @param access {@link dev.cleave.engine.format.Access} flags
   * @param rule which leaf sizes are allowed where
   * @throws PageTableException as {@link #map(long, long, long, int)}
   */
  public void map(long iova, long paddr, long length, int access, SizeRule rule) {
    checkWritable();
    long last = checks.lastIova(iova, length);
    long attributes = checks.attributes(iova, access);
    checks.checkOutput(paddr, length);
    mapper.map(iova, last, paddr, attributes, rule);
  }

  /**
   * Maps a range to 4 KiB pages that lie anywhere; runs of consecutive pages get the largest leaves
   * that fit.
   *
   * @param iova first address, a multiple of 4096
   * @param frames page frame numbers (paddr / 4096), one for each 4 KiB of the range in order
   * @param from index of the first frame to use
   * @param count number of frames, positive
   * @param access {@link dev.cleave.engine.format.Access} flags
   * @throws PageTableException as {@link #map(long, long, long, int)}
   * @throws IndexOutOfBoundsException if there are not that many frames
   */
  public void mapScattered(long iova, long[] frames, int from, int count, int access) {
    Objects.checkFromIndexSize(from, count, frames.length);
    checkWritable();
    long last = checks.lastIova(iova, (long) count << PAGE_LOG2);
    long attributes = checks.attributes(iova, access);
    int end = from + count;
    for (int i = from, next; i < end; i = next) {
      next = TableMapper.runEnd(frames, i, end);
      checks.checkFrames(frames[i], next - i);
    }
    mapper.mapScattered(iova, last, frames, from, count, attributes);
  }

  // ---- unmap and change ----------------------------------------------------------------------

  /**
   * Takes a range out of the table. A leaf that reaches over an end is split there first.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param gather takes what is to be flushed, and the tables that became empty
   * @return bytes that were mapped
   * @throws PageTableException NOT_MAPPED when nothing was, OUT_OF_RANGE, MISALIGNED,
   *     OUT_OF_TABLE_MEMORY or CLOSED; nothing has changed then
   */
  public long unmap(long iova, long length, IotlbGather gather) {
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    return remover.removeOne(iova, length, gather) ? length : unmapRange(iova, last, gather);
  }

  private long unmapRange(long iova, long last, IotlbGather gather) {
    long home = tree.lockHome(iova, last);
    try {
      long end = reachable(home, iova, last);
      gather.workspace.splitter.cutEnds(home, iova, end);
      return mapped(remover.remove(table(home), level(home), iova, end, gather), iova, last);
    } finally {
      remover.leave(home, iova, gather);
    }
  }

  /**
   * Changes what a range permits. A leaf that reaches over an end is split there first; leaves
   * inside keep their size and the C-bit.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param access permissions of {@link dev.cleave.engine.format.Access}
   * @param gather takes what is to be flushed
   * @return bytes that are mapped
   * @throws PageTableException NO_PERMISSION, or as {@link #unmap}; nothing has changed then
   */
  public long protect(long iova, long length, int access, IotlbGather gather) {
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    checks.checkAccess(iova, access);
    long home = tree.lockHome(iova, last);
    try {
      long end = reachable(home, iova, last);
      gather.workspace.splitter.cutEnds(home, iova, end);
      return mapped(
          permissions.change(table(home), level(home), iova, end, access, gather), iova, last);
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Makes leaves smaller. A leaf that reaches over an end of the range keeps, outside, the largest
   * sizes it can.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param largestLog2 logarithm of the largest leaf that may remain in the range: a leaf size of
   *     the format, and not below the smallest page
   * @param gather takes what is to be flushed
   * @return bytes that are mapped
   * @throws PageTableException as {@link #unmap}; nothing has changed then
   */
  public long split(long iova, long length, int largestLog2, IotlbGather gather) {
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    checks.checkLargestLeaf(iova, largestLog2);
    long home = tree.lockHome(iova, last);
    try {
      long end = reachable(home, iova, last);
      long bytes =
          gather.workspace.splitter.isOneLeaf(home, iova, end)
              ? end - iova + 1
              : mapped(probe.mappedBytes(table(home), level(home), iova, end), iova, last);
      gather.workspace.splitter.splitForbidden(home, iova, end, SizeRule.atMost(largestLog2));
      return bytes;
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Makes leaves larger where addresses and attributes allow it; elsewhere they stay as they are.
   * How many leaves were made is in {@link #statistics}.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param largestLog2 logarithm of the largest leaf to make: a leaf size of the format, and not
   *     below the smallest page
   * @param gather takes what is to be flushed, and the tables that were replaced
   * @return bytes that are mapped
   * @throws PageTableException as {@link #unmap}; nothing has changed then
   */
  public long merge(long iova, long length, int largestLog2, IotlbGather gather) {
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    checks.checkLargestLeaf(iova, largestLog2);
    long home = tree.lockHome(iova, last);
    try {
      long end = reachable(home, iova, last);
      long bytes = mapped(probe.mappedBytes(table(home), level(home), iova, end), iova, last);
      gather.workspace.merger.merge(
          table(home), level(home), iova, end, SizeRule.atMost(largestLog2));
      return bytes;
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Makes leaves smaller where a rule forbids them and larger where it allows that. A range with
   * nothing mapped in it is fit already.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param rule which leaf sizes are allowed where
   * @param gather takes what is to be flushed, and the tables that were replaced
   * @throws PageTableException OUT_OF_RANGE, MISALIGNED, OUT_OF_TABLE_MEMORY or CLOSED; nothing has
   *     changed then
   */
  public void fit(long iova, long length, SizeRule rule, IotlbGather gather) {
    splitToFit(iova, length, rule, gather);
    mergeToFit(iova, length, rule, gather);
  }

  /**
   * The half of {@link #fit} that makes leaves smaller.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param rule which leaf sizes are allowed where
   * @param gather takes what is to be flushed
   * @throws PageTableException as {@link #fit}; nothing has changed then
   */
  public void splitToFit(long iova, long length, SizeRule rule, IotlbGather gather) {
    FitEvent event = Recording.ofFits() ? new FitEvent() : null;
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    long home = tree.lockHome(iova, last);
    try {
      if (TableTree.reaches(home, iova)) {
        gather.workspace.splitter.splitForbidden(home, iova, TableTree.clip(home, last), rule);
      }
    } finally {
      gather.workspace.splitter.end();
      tree.unlock(table(home));
    }
    if (event != null) {
      event.done(iova, length, false);
    }
  }

  /**
   * Has hardware replace a 2 MiB leaf by 512 of 4 KiB, together with what else must change in that
   * step. What it cannot replace, because the leaf there has another size or is none, or because
   * the hardware declines, stays as it is.
   *
   * @param iova first address of the leaf, 2 MiB-aligned
   * @param by what replaces it, called once at most, while this range of the table is locked: it
   *     must not change this table otherwise
   * @param gather takes what is to be flushed
   * @return whether the leaf has been replaced
   * @throws PageTableException OUT_OF_RANGE, MISALIGNED, OUT_OF_TABLE_MEMORY or CLOSED; nothing has
   *     changed then, nor if {@code by} throws
   * @throws IllegalStateException if the hardware says that it did and did not
   */
  public boolean exchangeLeaf(long iova, LeafExchange by, IotlbGather gather) {
    checkWritable(gather);
    if ((iova & offsetMask(REGION_LOG2)) != 0) {
      throw new PageTableException(
          PageTableException.Reason.MISALIGNED,
          iova,
          "iova must be a multiple of 2 MiB, iova=0x%x".formatted(iova));
    }
    long last = checks.lastIova(iova, 1L << REGION_LOG2);
    long home = tree.lockHome(iova, last);
    try {
      return TableTree.reaches(home, iova) && gather.workspace.exchanger.exchange(home, iova, by);
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * The half of {@link #fit} that makes leaves larger. It needs no table memory.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param rule which leaf sizes are allowed where
   * @param gather takes what is to be flushed, and the tables that were replaced
   * @throws PageTableException as {@link #fit}; nothing has changed then
   */
  public void mergeToFit(long iova, long length, SizeRule rule, IotlbGather gather) {
    FitEvent event = Recording.ofFits() ? new FitEvent() : null;
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    long home = tree.lockHome(iova, last);
    try {
      if (TableTree.reaches(home, iova)) {
        gather.workspace.merger.merge(
            table(home), level(home), iova, TableTree.clip(home, last), rule);
      }
    } finally {
      tree.unlock(table(home));
    }
    if (event != null) {
      event.done(iova, length, true);
    }
  }

  /**
   * Merges a range, to its ends' regions of 2 MiB, as {@link #mergeToFit} does; and then what lies
   * around it: at either end block by block, each of the next size that the table has, as long as
   * the whole block becomes one leaf. What does not become a part of it stays as it is. No other
   * writer may be in the largest block that the area and the table's sizes allow around the range.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param areaFirst where an area begins that has the whole range: no leaf is made that begins
   *     before it; a multiple of the smallest page
   * @param areaLast its last address, likewise
   * @param rule which leaf sizes are allowed where
   * @param gather takes what is to be flushed, and the tables that were replaced
   * @throws PageTableException as {@link #fit}, and OUT_OF_RANGE if the range does not lie in the
   *     area; nothing has changed then
   */
  public void mergeAround(
      long iova, long length, long areaFirst, long areaLast, SizeRule rule, IotlbGather gather) {
    long mask = offsetMask(REGION_LOG2);
    long last = checks.lastIova(iova, length);
    RangeChecks.checkInside(iova, last, areaFirst, areaLast);
    long end = Unsigned.min(areaLast, config.lastIova(iova)); // iovas begin where any leaf can
    long from = Unsigned.max(iova & ~mask, areaFirst);
    mergeToFit(from, Unsigned.min(last | mask, end) - from + 1, rule, gather);
    grower.grow(iova, areaFirst, end, rule, gather);
    if (((iova ^ last) & ~mask) != 0) {
      grower.grow(last, areaFirst, end, rule, gather);
    }
  }

  /**
   * Refuses what {@link #splitToFit} would refuse now. Otherwise it changes nothing, but reserves
   * what that takes: the next {@code splitToFit} with this gather, of the same range, will not run
   * out of table memory.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param rule which leaf sizes are allowed where
   * @param gather who is going to split
   * @throws PageTableException as {@link #fit}
   */
  public void reserveToFit(long iova, long length, SizeRule rule, IotlbGather gather) {
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    long home = tree.lockHome(iova, last);
    try {
      if (TableTree.reaches(home, iova)) {
        gather.workspace.splitter.reserveForbidden(home, iova, TableTree.clip(home, last), rule);
      }
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Refuses what {@link #splitToFit} would refuse now, and changes nothing.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param rule which leaf sizes are allowed where
   * @param gather a gather of the caller's
   * @throws PageTableException as {@link #fit}
   */
  public void checkFit(long iova, long length, SizeRule rule, IotlbGather gather) {
    reserveToFit(iova, length, rule, gather);
    unreserve(gather);
  }

  /**
   * Gives back what {@link #reserveToFit} has reserved and no {@link #splitToFit} has used.
   *
   * @param gather whose reservation it is
   */
  public void unreserve(IotlbGather gather) {
    checkWritable(gather);
    gather.workspace.splitter.end();
  }

  /**
   * Whether smaller leaves around an address could be merged into one of 2 MiB.
   *
   * @param iova any address
   * @param gather a gather of the caller's
   * @return false also where there is such a leaf already, or a larger one, or nothing
   * @throws PageTableException CLOSED
   */
  public boolean isMergeable(long iova, IotlbGather gather) {
    checkWritable(gather);
    long region = iova & ~offsetMask(REGION_LOG2);
    long home = tree.lockHome(region, region | offsetMask(REGION_LOG2));
    try {
      return TableTree.reaches(home, iova)
          && gather.workspace.merger.isMergeable(home, region, leafLevel(REGION_LOG2));
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Takes everything out of the table.
   *
   * @param gather takes what is to be flushed, and all tables but the top
   * @return bytes that were mapped, 0 for an empty table
   * @throws PageTableException CLOSED
   */
  public long clear(IotlbGather gather) {
    checkWritable(gather);
    long home = tree.lockTop();
    try {
      int level = level(home);
      long lower = remover.remove(table(home), level, 0, space.pieceLast(level, 0), gather);
      return space.isSplit()
          ? lower + remover.remove(table(home), level, space.upperFirst(), -1L, gather)
          : lower;
    } finally {
      tree.unlock(table(home));
    }
  }

  // ---- dirty bits ----------------------------------------------------------------------------

  /**
   * Reads which pages of a range were written to, and makes them clean. A leaf that reaches over an
   * end is split there first, so that what lies outside keeps its dirty bit; accessed bits stay. A
   * leaf is dirty when any of its replicas is, and all of it that lies in the range is reported. A
   * range with nothing mapped has nothing dirty.
   *
   * <p>What was reported is to be read when the flush has completed, not before: until then
   * hardware may remember that a page is dirty already, and tell nobody of further writes. A bit
   * that hardware sets while this runs is reported now or is there for the next call. For bits that
   * come late to tables that a merge replaced see {@link IotlbGather}.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param bitmap gets a bit set for each page that is dirty; it has the whole range
   * @param gather takes the leaves that were dirty, each whole
   * @return bytes that were dirty
   * @throws PageTableException OUT_OF_RANGE, also when the bitmap has not all of the range,
   *     MISALIGNED, OUT_OF_TABLE_MEMORY or CLOSED; nothing has changed then
   */
  public long readAndClearDirty(long iova, long length, DirtyBitmap bitmap, IotlbGather gather) {
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    RangeChecks.checkCovered(iova, last, bitmap);
    long home = tree.lockInnermost(iova, last);
    try {
      if (!TableTree.reaches(home, iova)) {
        return 0;
      }
      long end = TableTree.clip(home, last);
      gather.workspace.splitter.cutEnds(home, iova, end);
      return dirtyBits.take(table(home), level(home), iova, end, bitmap, gather);
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Reads which pages of a range were written to, and changes nothing: the next {@link
   * #readAndClearDirty} reports them again. Of a leaf that reaches over an end, what lies inside is
   * reported.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param bitmap gets a bit set for each page that is dirty; it has the whole range
   * @return bytes that are dirty
   * @throws PageTableException OUT_OF_RANGE, also when the bitmap has not all of the range,
   *     MISALIGNED or CLOSED
   */
  public long readDirty(long iova, long length, DirtyBitmap bitmap) {
    checkWritable();
    long last = checks.lastIova(iova, length);
    RangeChecks.checkCovered(iova, last, bitmap);
    long home = tree.lockInnermost(iova, last);
    try {
      return TableTree.reaches(home, iova)
          ? dirtyBits.report(table(home), level(home), iova, TableTree.clip(home, last), bitmap)
          : 0;
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Makes all leaves that a range reaches into dirty and accessed, in every replica, as if a device
   * had written to them: for memory that somebody else has written, such as a migration. It owes no
   * flush. A leaf that reaches over an end is dirty as a whole.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @return bytes of the range that are mapped
   * @throws PageTableException NOT_MAPPED when nothing is, OUT_OF_RANGE, MISALIGNED or CLOSED
   */
  public long setDirty(long iova, long length) {
    checkWritable();
    long last = checks.lastIova(iova, length);
    long home = tree.lockInnermost(iova, last);
    try {
      long end = reachable(home, iova, last);
      return mapped(dirtySetter.set(table(home), level(home), iova, end), iova, last);
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Begins to track which pages of a range are written to: splits all leaves down to pages small
   * enough to tell, without a gap, and makes them clean. It is split and readAndClearDirty in one.
   *
   * <ol>
   *   <li>{@code startDirtyTracking}; flush. From then on every write is noted. What was written
   *       before is not: begin by copying everything.
   *   <li>As often as wanted: {@link #readAndClearDirty}; flush; copy what was reported.
   *   <li>Keep the devices from writing; complete all gathers; one last pass as above.
   *   <li>{@link #stopDirtyTracking}; flush.
   * </ol>
   *
   * <p>What is mapped or merged in the meantime may have larger leaves: more is reported then than
   * was written, never less. What is unmapped takes its dirty bits with it: read them first.
   *
   * @param iova first address, a multiple of the tracked page
   * @param length bytes, a positive multiple of the tracked page
   * @param pageLog2 logarithm of the tracked page, a leaf size of the format and not below the
   *     smallest page; usually 12
   * @param gather takes what is to be flushed
   * @return bytes that are mapped
   * @throws PageTableException as {@link #unmap}; nothing has changed then
   */
  public long startDirtyTracking(long iova, long length, int pageLog2, IotlbGather gather) {
    checkWritable(gather);
    long last = checks.lastIova(iova, length);
    checks.checkLargestLeaf(iova, pageLog2);
    RangeChecks.checkPages(iova, length, pageLog2);
    long home = tree.lockHome(iova, last);
    try {
      long end = reachable(home, iova, last);
      long bytes = mapped(probe.mappedBytes(table(home), level(home), iova, end), iova, last);
      gather.workspace.splitter.splitForbidden(home, iova, end, SizeRule.atMost(pageLog2));
      var _ = dirtyBits.take(table(home), level(home), iova, end, null, gather);
      return bytes;
    } finally {
      tree.unlock(table(home));
    }
  }

  /**
   * Ends tracking: makes leaves as large again as a rule allows, which is {@link #mergeToFit}. What
   * has been written since the last pass stays dirty, in the larger leaves.
   *
   * @param iova first address, a multiple of the smallest page
   * @param length bytes, a positive multiple of the smallest page
   * @param rule which leaf sizes are allowed where
   * @param gather takes what is to be flushed, and the tables that were replaced
   * @throws PageTableException as {@link #fit}; nothing has changed then
   */
  public void stopDirtyTracking(long iova, long length, SizeRule rule, IotlbGather gather) {
    mergeToFit(iova, length, rule, gather);
  }

  // ---- look ----------------------------------------------------------------------------------

  /**
   * Translates one address.
   *
   * @param iova any address
   * @return its paddr, or {@link #NOT_MAPPED}
   * @throws PageTableException CLOSED
   */
  public long translate(long iova) {
    return translator.translate(iova);
  }

  /**
   * Translates many addresses, as a scatter-gather list has them, in any order. The walks run side
   * by side: where tables lie in memory rather than in caches, each takes a fraction of the time of
   * {@link #translate(long)}. Every address is translated as by that, at some instant of the call;
   * there is no one instant for all of them.
   *
   * @param iovas addresses, any
   * @param from index of the first to translate
   * @param count how many, from 0
   * @param paddrs takes for each its paddr, or {@link #NOT_MAPPED}, at the index that the address
   *     has; another array than {@code iovas}
   * @return how many of them are mapped, 0 to {@code count}
   * @throws IndexOutOfBoundsException if either array ends before; nothing is translated then
   * @throws IllegalArgumentException if both are the same array
   * @throws PageTableException CLOSED
   */
  @SuppressWarnings("ReferenceEquality") // it is about the one array, not about equal ones
  public int translate(long[] iovas, int from, int count, long[] paddrs) {
    Objects.checkFromIndexSize(from, count, iovas.length);
    Objects.checkFromIndexSize(from, count, paddrs.length);
    if (iovas == paddrs) {
      throw new IllegalArgumentException("paddrs must be another array than iovas");
    }
    var _ = tree.openTop();
    return batches.translate(iovas, from, from + count, paddrs);
  }

  /**
   * Looks at the leaf around an address.
   *
   * @param iova any address
   * @param cursor a cursor of this table, which then stands at the leaf
   * @return false when the address is not mapped
   * @throws PageTableException CLOSED
   */
  public boolean leafAt(long iova, LeafCursor cursor) {
    return cursor.over(iova, iova).advance();
  }

  /** {@return a new cursor before the first leaf of this table, at first over all of them} */
  public LeafCursor leaves() {
    return new LeafCursor(this, pages, space).over(0, -1L);
  }

  // ---- rules and refusals --------------------------------------------------------------------

  private void checkWritable() {
    if (pages.isReadOnly()) {
      throw Refusals.readOnly();
    }
  }

  private void checkWritable(IotlbGather gather) {
    if (!gather.isOf(tree.waiting)) {
      throw new IllegalArgumentException("the gather must be one that this table made");
    }
    if (gather.isSealed()) {
      throw new IllegalStateException(
          "a gather must be completed before it takes more: its flush is under way");
    }
    checkWritable();
  }

  private static long table(long home) {
    return TableTree.table(home);
  }

  private static int level(long home) {
    return TableTree.level(home);
  }

  /** The last address of a range that a home has anything at; nothing at all is a refusal. */
  private static long reachable(long home, long iova, long last) {
    if (!TableTree.reaches(home, iova)) {
      throw Refusals.notMapped(iova, last);
    }
    return TableTree.clip(home, last);
  }

  private static long mapped(long bytes, long first, long last) {
    if (bytes == 0) {
      throw Refusals.notMapped(first, last);
    }
    return bytes;
  }

  /** {@return for a person: what it is like, its top, and the pages that wait for a flush} */
  @Override
  public String toString() {
    long now = tree.top();
    return now == 0
        ? "PageTable[%s, closed]".formatted(format)
        : "PageTable[%s, root=0x%x, levels=%d, %d gathers, %d pages waiting%s]"
            .formatted(
                format,
                root(now),
                levels(now),
                tree.waiting.gathers().length,
                tree.waiting.pages(),
                pages.isReadOnly() ? ", read-only" : "");
  }

  // ---- end -----------------------------------------------------------------------------------

  /**
   * Gives all table pages back. No device may use the table any more; that is the caller's to know.
   * Closing a closed table does nothing, and neither does closing one whose memory is closed.
   *
   * @throws IllegalStateException if a gather still owes a flush; the table is closed all the same
   */
  @Override
  public void close() {
    if (pages.isReadOnly() || pages.isClosed()) {
      var _ = tree.close();
      return;
    }
    long now = tree.top();
    if (now == 0) {
      return;
    }
    int owing = 0;
    for (IotlbGather gather : tree.waiting.gathers()) {
      owing += gather.isEmpty() ? 0 : 1;
      gather.complete();
      gather.workspace.splitter.end();
    }
    IotlbGather all = newGather();
    long top = tree.lockTop();
    var _ = remover.drop(table(top), level(top), 0, TablePages.NONE, all);
    all.tables.publish();
    var _ = tree.close();
    all.complete();
    tree.releaseOwner();
    if (owing != 0) {
      throw new IllegalStateException(
          "the page table was closed while %d gathers owed a flush: complete them first"
              .formatted(owing));
    }
  }
}
