package dev.cleave.engine.ioas;

import dev.cleave.engine.DirtyBitmap;
import dev.cleave.engine.IotlbFlushQueue;
import dev.cleave.engine.SizeRule;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.rmp.FollowedMemory;
import dev.cleave.engine.rmp.RmpBitmap;
import java.util.List;

/**
 * An I/O address space (iommufd's IOAS): what devices see, whatever tables show it to them.
 *
 * <p>It is made of <em>areas</em>: a range of iovas, the memory behind it, what devices may do.
 * Areas never overlap, and two that touch stay two until they are {@linkplain #join joined}. Each
 * attached {@link HardwarePageTable} holds all of them at any time, in leaves that never reach over
 * the end of an area. What is refused changes nothing, and every method returns after its flushes:
 * the {@linkplain dev.cleave.engine.ioas package} says it in full.
 *
 * <h2>How large leaves are</h2>
 *
 * <p>As large as the memory, the table and these rules allow, all of them at once; whoever maps
 * later, and whatever table is attached later, finds them in force:
 *
 * <ul>
 *   <li>{@linkplain #setGranularity ranges of page granularity};
 *   <li>{@linkplain #addRule rules} of the owner's, such as an {@link RmpBitmap}'s; when what they
 *       say has changed, {@link #adjust} brings the leaves to it. A follower that {@linkplain
 *       #follow drives the space} does so by itself;
 *   <li>{@linkplain #startDirtyTracking tracked ranges};
 *   <li>4 KiB everywhere without {@linkplain #setHugePages huge pages}.
 * </ul>
 *
 * <p>Leaves are split and merged hitlessly, in all tables.
 *
 * <h2>Threads</h2>
 *
 * <p>Thread-safe. Operations on disjoint ranges run side by side; whoever comes to a range in which
 * something is under way waits until it is done, in the order of arrival. Attaching and detaching,
 * {@link #unmapAll}, reservations and rules wait for everybody and have the space alone. Readers,
 * which are {@link AreaCursor}s and all that reads {@link HardwarePageTable#table}, never wait for
 * table work that is larger than 2 MiB, and hardware never waits. An interrupt does not end a wait.
 *
 * <p>Map, unmap and adjust allocate nothing on the Java heap as long as there are not more areas
 * and operations at once than ever before.
 */
public final class IoAddressSpace implements AutoCloseable {
  /** The granularity that stands for no limit. */
  public static final int UNLIMITED = Granularity.UNLIMITED;

  private final SpaceState state;
  private final AreaMapper mapper;
  private final AreaUnmapper unmapper;
  private final AreaSeams seams;
  private final LeafFitter fitter;
  private final SpaceTables inTables;
  private final DirtyTracker tracker;
  private final TableAttacher attacher;
  private final SpaceView view;

  /** An empty space, in which any part of an area can be unmapped. */
  public IoAddressSpace() {
    this(UnmapRule.EXACT, Geometry.REGION_LOG2);
  }

  /**
   * An empty space.
   *
   * @param unmapRule what an unmap does to an area that it has only a part of
   * @param largestAlignmentLog2 to how large leaves iovas that the space chooses are aligned at
   *     most: the logarithm of 2 MiB where a kernel has transparent huge pages, of 4 KiB without
   */
  public IoAddressSpace(UnmapRule unmapRule, int largestAlignmentLog2) {
    state = new SpaceState(unmapRule, largestAlignmentLog2);
    mapper = new AreaMapper(state);
    unmapper = new AreaUnmapper(state);
    seams = new AreaSeams(state);
    fitter = new LeafFitter(state);
    inTables = new SpaceTables(state, fitter);
    tracker = new DirtyTracker(state, fitter);
    attacher = new TableAttacher(state, this);
    view = new SpaceView(state);
  }

  // ---- areas ---------------------------------------------------------------------------------

  /**
   * Makes an area of contiguous memory at a given place.
   *
   * @param iova its first address
   * @param paddr output address of its first byte
   * @param length bytes, positive
   * @param access {@link Access} flags
   * @throws IoasException as {@link #map(long, Backing, long, long, int)}
   */
  public void map(long iova, long paddr, long length, int access) {
    mapper.map(iova, PhysicalBacking.INSTANCE, paddr, length, access);
  }

  /**
   * Makes an area at a given place; allowed ranges do not matter.
   *
   * @param iova its first address
   * @param backing what holds the memory
   * @param offset of the area's first byte in it
   * @param length bytes, positive
   * @param access {@link Access} flags
   * @throws IoasException EINVAL for no length, a misaligned iova, length or place in a page, for
   *     reserved iovas or access that permits nothing; EOVERFLOW past 2^64; EEXIST where an area
   *     is; with a table, what the backing says where memory is missing, ENOMEM
   */
  public void map(long iova, Backing backing, long offset, long length, int access) {
    mapper.map(iova, backing, offset, length, access);
  }

  /**
   * Makes an area of contiguous memory at a place that the space chooses.
   *
   * @param paddr output address of its first byte
   * @param length bytes, positive
   * @param access {@link Access} flags
   * @return the first iova
   * @throws IoasException as {@link #mapAnywhere(Backing, long, long, int)}
   */
  public long mapAnywhere(long paddr, long length, int access) {
    return mapper.mapAnywhere(PhysicalBacking.INSTANCE, paddr, length, access);
  }

  /**
   * Makes an area at a place that the space chooses: the lowest in the {@linkplain #setAllowed
   * allowed} ranges that is free and aligned as the memory is; never at 0.
   *
   * @param backing what holds the memory
   * @param offset of the area's first byte in it, from which the alignment follows
   * @param length bytes, positive
   * @param access {@link Access} flags
   * @return the first iova
   * @throws IoasException as {@link #map(long, Backing, long, long, int)}; EOVERFLOW for half of
   *     all addresses or more; ENOSPC
   */
  public long mapAnywhere(Backing backing, long offset, long length, int access) {
    return mapper.mapAnywhere(backing, offset, length, access);
  }

  /**
   * Makes areas of the memory that is behind areas, or parts of them, of a space: one for each. The
   * copies live on when the source is unmapped.
   *
   * @param source the other space, or this one
   * @param sourceIova first address there
   * @param length bytes, positive
   * @param iova first address here
   * @param access {@link Access} flags, whatever the source allows
   * @throws IoasException ENOENT where the source has no area; EPERM to write memory that was not
   *     mapped to be written; else as {@link #map(long, Backing, long, long, int)}
   */
  public void copy(IoAddressSpace source, long sourceIova, long length, long iova, int access) {
    mapper.copy(source.state, sourceIova, length, iova, access);
  }

  /**
   * The same at a place that the space chooses.
   *
   * @param source the other space, or this one
   * @param sourceIova first address there
   * @param length bytes, positive
   * @param access {@link Access} flags, whatever the source allows
   * @return the first iova here
   * @throws IoasException as {@link #copy} and {@link #mapAnywhere(Backing, long, long, int)}
   */
  public long copyAnywhere(IoAddressSpace source, long sourceIova, long length, int access) {
    return mapper.copyAnywhere(source.state, sourceIova, length, access);
  }

  /**
   * Takes areas out, and parts of areas or not as the {@link UnmapRule} says. Holes are skipped.
   *
   * @param iova first address
   * @param length bytes, positive
   * @return bytes that were mapped
   * @throws IoasException ENOENT where no area is, or where one must not be cut; EINVAL for no
   *     length, or where an area would be cut at no multiple of the alignment; EOVERFLOW past 2^64;
   *     ENOMEM when leaves at the ends cannot be split
   */
  public long unmap(long iova, long length) {
    return unmapper.unmap(iova, length);
  }

  /**
   * Takes all areas out.
   *
   * @return bytes that were mapped, 0 for an empty space
   */
  public long unmapAll() {
    return unmapper.unmapAll();
  }

  /**
   * Makes two areas of one, for those who unmap whole areas later; devices notice nothing.
   *
   * @param iova where the second begins; where no area has it and the address before it, nothing is
   *     done
   * @throws IoasException EINVAL if it, or the place in memory behind it, is no multiple of the
   *     alignment; ENOMEM if the leaf around it cannot be split
   */
  public void cut(long iova) {
    seams.cut(iova);
  }

  /**
   * Makes one area of two, so that leaves may reach over where they touch; those that are there
   * stay until {@link #adjust}. Nothing is done unless two areas touch there and the second goes on
   * where the first ends: in equal backings, with the same access.
   *
   * @param iova where the second begins
   */
  public void join(long iova) {
    seams.join(iova);
  }

  /**
   * Makes a cursor over the areas.
   *
   * @return a cursor before the first
   */
  public AreaCursor areas() {
    return new AreaCursor(state);
  }

  // ---- iovas ---------------------------------------------------------------------------------

  /**
   * What every iova and length is a multiple of.
   *
   * @return 1 with huge pages on and no table attached, when memory is not looked at either; else
   *     4096 or, where a table has no page as small, its smallest
   */
  public long alignment() {
    return view.alignment();
  }

  /**
   * The iovas that are not reserved; areas and allowed ranges do not show.
   *
   * @return ranges in ascending order
   */
  public List<IovaRange> iovaRanges() {
    return view.iovaRanges();
  }

  /**
   * Reserves iovas, such as those that a device or its IOMMU treats in a way of its own.
   *
   * @param ranges all of them
   * @return gives them back when it is closed
   * @throws IoasException EADDRINUSE where an area or an allowed range is
   */
  public IovaReservation reserve(List<IovaRange> ranges) {
    IovaReservation reservation = new IovaReservation(this, ranges);
    state.alone(() -> state.limits.reserve(reservation));
    return reservation;
  }

  void release(IovaReservation reservation) {
    state.alone(() -> state.reserved.remove(reservation));
  }

  /**
   * Confines the iovas that the space chooses. Areas outside stay.
   *
   * @param ranges where they are to lie, of two bytes at least, none overlapping another; with none
   *     all iovas are allowed again
   * @throws IoasException EINVAL for ranges that are too small or overlap, EADDRINUSE for reserved
   *     ones; those that were allowed before stay so then
   */
  public void setAllowed(List<IovaRange> ranges) {
    state.alone(() -> state.limits.allow(ranges));
  }

  // ---- tables --------------------------------------------------------------------------------

  /**
   * Fills a table with all areas, and keeps it so from then on.
   *
   * @param table a table that is attached nowhere
   * @throws IoasException EBUSY if it is attached; EADDRINUSE where an area is not aligned as it
   *     needs, or an area or allowed range lies beyond its iovas; what a backing says where memory
   *     is missing; ENOMEM, EINVAL as the table refuses. The table is empty then
   */
  public void attach(HardwarePageTable table) {
    attacher.attach(table);
  }

  /**
   * Empties a table, flushes it and lets it go. Its dirty bits go with it: read them before.
   *
   * @param table a table that is attached here
   * @throws IoasException EINVAL if it is not
   */
  public void detach(HardwarePageTable table) {
    attacher.detach(table);
  }

  /**
   * The attached tables.
   *
   * @return in the order in which they came
   */
  public List<HardwarePageTable> tables() {
    return view.tables();
  }

  /**
   * What can be done to the tables and leaves the space as it is.
   *
   * @return always the same
   */
  public SpaceTables inTables() {
    return inTables;
  }

  // ---- leaves --------------------------------------------------------------------------------

  /**
   * Limits the leaves in a range, or lifts a limit, and splits or merges what is there.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @param log2 logarithm of the largest leaf allowed, 12 to {@link #UNLIMITED}; tables that have
   *     no leaf as small use their smallest
   * @throws IoasException EINVAL, EOVERFLOW for a range or size that is none; ENOMEM: limits and
   *     leaves are as they were
   */
  public void setGranularity(long iova, long length, int log2) {
    fitter.setGranularity(iova, length, log2);
  }

  /**
   * How large leaves may be around an address because of {@link #setGranularity} alone.
   *
   * @param iova the address
   * @return logarithm of the limit, or {@link #UNLIMITED}
   */
  public int granularity(long iova) {
    return state.rule.granularity.at(iova);
  }

  /**
   * Adds a rule that leaves have to obey; those that are there are left as they are until {@link
   * #adjust}.
   *
   * @param rule what is allowed where; it must not call the space
   */
  public void addRule(SizeRule rule) {
    state.alone(() -> state.rule.add(rule));
  }

  /**
   * Takes a rule out.
   *
   * @param rule one that was added
   * @throws IllegalArgumentException if it is not there
   */
  public void removeRule(SizeRule rule) {
    state.alone(() -> state.rule.remove(rule));
  }

  /**
   * Brings the leaves of a range to what the rules say now. Whoever changes what a rule says calls
   * it afterwards.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @throws IoasException EINVAL, EOVERFLOW for a range that is none; ENOMEM: nothing has changed
   */
  public void adjust(long iova, long length) {
    fitter.adjust(iova, length);
  }

  /**
   * Makes the space a thing that an {@link dev.cleave.engine.rmp.RmpFollower} keeps in step with
   * the RMP: the bitmap's rule is added, and all tables follow, those that are attached later as
   * well. Where the bitmap's shared pages do not {@linkplain RmpBitmap#isSharedInPlace stay in
   * place}, backings are asked anew for pages that change, and for no others: they are to say where
   * a page lies by what the bitmap says of it.
   *
   * @param bitmap the bitmap of that follower
   * @param guestIova iova of guest physical address 0, a multiple of 2 MiB
   * @return what the follower wants; closing the follower takes the rule out again
   * @throws IllegalArgumentException if the place is no such multiple
   */
  public FollowedMemory follow(RmpBitmap bitmap, long guestIova) {
    return new FollowedSpace(this, state, fitter, bitmap, guestIova);
  }

  /**
   * Whether leaves may be larger than 4 KiB. What was mapped before keeps its leaves.
   *
   * @param allowed false for 4 KiB only, whatever tables can do
   * @throws IoasException to forbid them: EINVAL with both a table and an area, EADDRINUSE with an
   *     area that is not aligned to 4096
   */
  public void setHugePages(boolean allowed) {
    state.alone(() -> attacher.setHugePages(allowed));
  }

  /**
   * Whether leaves may be larger than 4 KiB.
   *
   * @return true at first
   */
  public boolean hugePages() {
    return view.hugePages();
  }

  // ---- dirty bits ----------------------------------------------------------------------------

  /**
   * Begins to track which pages of a range devices write to, in all tables: leaves are split until
   * they are small enough to tell, and clean. What is mapped or attached later has small leaves as
   * well. The steps are those of {@link dev.cleave.engine.PageTable#startDirtyTracking}.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @param pageLog2 logarithm of the tracked page, a leaf size of every table; usually 12
   * @throws IoasException EINVAL also where areas begin or end inside a tracked page; ENOMEM:
   *     nothing has changed
   */
  public void startDirtyTracking(long iova, long length, int pageLog2) {
    tracker.start(iova, length, pageLog2);
  }

  /**
   * Reads which pages of a range devices have written to through any table, makes them clean, and
   * flushes.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @param bitmap gets a bit set for each page that is dirty; it has the whole range
   * @throws IoasException EINVAL also for a bitmap that has not; ENOMEM when leaves at the ends
   *     cannot be split: nothing has changed
   */
  public void readAndClearDirty(long iova, long length, DirtyBitmap bitmap) {
    tracker.readAndClear(iova, length, bitmap);
  }

  /**
   * Reads the same and changes nothing.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @param bitmap gets a bit set for each page that is dirty; it has the whole range
   * @throws IoasException EINVAL
   */
  public void readDirty(long iova, long length, DirtyBitmap bitmap) {
    tracker.read(iova, length, bitmap);
  }

  /**
   * Ends tracking in a range and makes leaves as large again as the other rules allow.
   *
   * @param iova first address, a multiple of 4096 and of the alignment
   * @param length bytes, likewise and positive
   * @throws IoasException EINVAL
   */
  public void stopDirtyTracking(long iova, long length) {
    tracker.stop(iova, length);
  }

  // ---- flushes -------------------------------------------------------------------------------

  /**
   * Puts off the flushes of what is unmapped from now on, until the queue is closed.
   *
   * @param unmaps how many are flushed together, positive
   * @param maxDelayNanos the longest time from the first of them to their flush, if there is
   *     another, or {@link SpaceFlushQueue#flushIfDue} is called; positive
   * @param freed told of each unmap, from the first area that it took out to the last, when all
   *     tables have flushed it: its iovas may be used again. Called by whoever flushes, in its
   *     thread; it must not call the space
   * @return the queue, to flush
   * @throws IllegalArgumentException if a number is not positive
   * @throws IllegalStateException if there is such a queue already
   */
  public SpaceFlushQueue deferFlushes(
      int unmaps, long maxDelayNanos, IotlbFlushQueue.FreedRange freed) {
    return SpaceFlushQueue.begin(state, unmaps, maxDelayNanos, freed);
  }

  // ---- the whole -----------------------------------------------------------------------------

  /**
   * What the space holds.
   *
   * @return a snapshot; what tables count is exact while no operation runs
   */
  public SpaceStatistics statistics() {
    return view.statistics();
  }

  /** Operations that were ever under way at once, for tests. */
  int operationsMade() {
    return view.operationsMade();
  }

  /** Detaches all tables, which stay the caller's to close, and drops all areas. */
  @Override
  public void close() {
    tables().forEach(this::detach);
    var _ = unmapAll();
  }
}
