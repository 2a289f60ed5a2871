package dev.cleave.bench.replay;

import static dev.cleave.bench.figure.Better.HIGH;
import static dev.cleave.bench.figure.Better.LOW;
import static dev.cleave.bench.figure.Better.NEITHER;
import static dev.cleave.bench.figure.Unit.BYTES;
import static dev.cleave.bench.figure.Unit.COUNT;
import static dev.cleave.bench.figure.Unit.NANOS;
import static dev.cleave.bench.figure.Unit.PART;
import static dev.cleave.bench.figure.Unit.RATIO;
import static dev.cleave.bench.replay.ColumnSource.computed;
import static dev.cleave.bench.replay.ColumnSource.devices;
import static dev.cleave.bench.replay.ColumnSource.machine;
import static dev.cleave.bench.replay.ColumnSource.run;
import static dev.cleave.bench.replay.ColumnSource.table;

import dev.cleave.bench.figure.Better;
import dev.cleave.bench.figure.Unit;
import dev.cleave.bench.machine.DeviceCounts;
import dev.cleave.bench.machine.DmaResult;
import org.jspecify.annotations.Nullable;

/**
 * What is told of a policy after a replay, in the order in which it is told. This is the only list:
 * text, page and JSON ask it what to show, where the figure comes from, how it is called and how it
 * is written.
 *
 * <p>A figure is of the run as a whole, of each table (the policy's own is that of the IOMMU table)
 * or of the devices, and then there with {@code --dma} alone; of these the devices of each kind
 * have theirs. What can be computed from others is shown but is no part of JSON.
 */
public enum ReplayColumn {
  EVENTS(
      run(RunEnd::events), "events", "events", "Events", COUNT, NEITHER, "Events that were tried."),
  FAILED(
      run(RunEnd::failed), "failed", "failed", "Failed", COUNT, LOW, "Events that were refused."),
  MISPLACED(
      run(RunEnd::misplaced),
      "misplaced",
      null,
      null,
      COUNT,
      LOW,
      "Events that do not fit the table as they found it: refused ones, and unmaps that the log"
          + " reports and that found less mapped."),

  SPLITS(
      table(end -> end.statistics().splits()),
      "splits",
      "splits",
      "Splits",
      COUNT,
      LOW,
      "Leaves replaced by smaller ones."),
  MERGES(
      table(end -> end.statistics().merges()),
      "merges",
      "merges",
      "Merges",
      COUNT,
      LOW,
      "Leaves made of smaller ones."),
  STORES(
      table(end -> end.statistics().entryStores()),
      "stores",
      "stores",
      "Stores",
      COUNT,
      LOW,
      "Entries written."),
  FLUSHES(
      table(end -> end.table().flushes().commands()),
      "flushes",
      "flushes",
      "Flushes",
      COUNT,
      LOW,
      "Flush commands."),
  FLUSHED_BYTES(
      table(end -> end.table().flushes().bytes()),
      "flushedBytes",
      "flushed",
      "Flushed",
      BYTES,
      LOW,
      "Bytes that flush commands named."),
  FLUSH_WAITS(
      table(end -> end.table().flushes().waits()),
      "flushWaits",
      "waits",
      "Waits",
      COUNT,
      LOW,
      "Times that the completion of flush commands was waited for: once for all of a batch."),
  GAP_BYTES(
      table(end -> end.table().gapBytes()),
      "gapBytes",
      "gaps",
      "Gaps",
      BYTES,
      LOW,
      "Bytes that should have stayed mapped but did not translate for a moment."),
  RMP_FAULTS(
      table(TableEnd::rmpFaults),
      "rmpFaults",
      "RMP faults",
      "RMP faults",
      COUNT,
      LOW,
      "Times that leaves and RMP of a region disagreed during an event: DMA would fault."),
  ILLEGAL_LEAVES(
      table(TableEnd::illegalLeaves),
      "illegalLeaves",
      "illegal",
      "Illegal",
      COUNT,
      LOW,
      "Leaves at the end that the RMP forbids."),
  EXCHANGES(
      run(RunEnd::exchanges),
      "exchanges",
      null,
      "Exchanges",
      COUNT,
      NEITHER,
      "Leaves and RMP entries that PSMASH_IO replaced in one step: atomic order, one table, --dma."),
  TABLE_BYTES_PEAK(
      table(end -> end.table().peakBytes()),
      "tableBytesPeak",
      "peak",
      "Peak",
      BYTES,
      LOW,
      "The most table memory in use, pages that wait for a flush included."),
  TABLE_BYTES_END(
      table(end -> end.table().usedBytes()),
      "tableBytesEnd",
      "end",
      "End",
      BYTES,
      LOW,
      "Table memory in use at the end."),
  MAPPED_BYTES_PEAK(
      table(end -> end.table().peakMappedBytes()),
      "mappedBytesPeak",
      null,
      "Mapped peak",
      BYTES,
      NEITHER,
      "The most that was mapped at one time."),
  MAPPED_BYTES_END(
      table(end -> end.table().mappedBytes()),
      "mappedBytesEnd",
      "mapped",
      "Mapped",
      BYTES,
      NEITHER,
      "What is mapped at the end."),
  PINNED_BYTES_PEAK(
      table(end -> end.table().peakPinnedBytes()),
      "pinnedBytesPeak",
      "pinned",
      "Pinned",
      BYTES,
      LOW,
      "The most memory that was pinned because devices could reach it: what is unmapped and not yet"
          + " flushed included."),
  PINNED_BYTES_END(
      table(end -> end.table().pinnedBytes()),
      "pinnedBytesEnd",
      null,
      "Pinned end",
      BYTES,
      LOW,
      "Memory that is pinned at the end because devices can reach it."),
  BACKING_BYTES_PEAK(
      run(RunEnd::backingBytesPeak),
      "sharedBackingBytesPeak",
      "backing",
      "Backing",
      BYTES,
      LOW,
      "The most memory in the shared backing, beside the guest's private memory; 0 in place."),
  BACKING_BYTES_END(
      run(RunEnd::backingBytesEnd),
      "sharedBackingBytesEnd",
      null,
      "Backing end",
      BYTES,
      LOW,
      "Memory in the shared backing at the end."),
  DUPLICATE_BYTES_PEAK(
      run(RunEnd::duplicateBytesPeak),
      "duplicateBytesPeak",
      null,
      "Duplicates peak",
      BYTES,
      LOW,
      "The most memory of private pages in the shared backing, where nobody needs it."),
  MAP_CALLS(
      table(end -> end.table().mapCalls()),
      "mapCalls",
      "maps",
      "Maps",
      COUNT,
      LOW,
      "Calls that map, each a range of contiguous memory."),
  UNMAP_CALLS(
      table(end -> end.table().unmapCalls()),
      "unmapCalls",
      "unmaps",
      "Unmaps",
      COUNT,
      LOW,
      "Calls that unmap a range."),

  DMA_ACCESSES(
      devices(dma -> dma.accesses() + dma.windowAccesses()),
      "accesses",
      "accesses",
      null,
      COUNT,
      NEITHER,
      "Accesses of devices: between events, and in windows."),
  DMA_IOTLB_HITS(
      devices(
          DeviceCounts::iotlbHits,
          dma -> dma.accesses() == 0 ? null : (double) dma.iotlbHits() / dma.accesses()),
      "iotlbHits",
      "IOTLB hits",
      "IOTLB hits",
      PART,
      HIGH,
      "Accesses between events that the IOTLB answered; shown as a part of those."),
  DMA_WALKS(
      devices(DeviceCounts::walks), "walks", "walks", null, COUNT, LOW, "Walks of the table."),
  DMA_WALK_STEPS(
      devices(
          DeviceCounts::walkSteps,
          dma -> dma.walks() == 0 ? null : (double) dma.walkSteps() / dma.walks()),
      "walkSteps",
      "steps a walk",
      null,
      RATIO,
      LOW,
      "Entries that walks read."),
  DMA_WINDOW_ACCESSES(
      devices(DeviceCounts::windowAccesses),
      "windowAccesses",
      "in windows",
      null,
      COUNT,
      NEITHER,
      "Those of the accesses that went to regions that an event was just changing."),
  DMA_TRANSLATION_FAULTS(
      devices(DeviceCounts::translationFaults),
      "translationFaults",
      "translation faults",
      null,
      COUNT,
      LOW,
      "Accesses of devices that the table refused."),
  DMA_RMP_FAULTS(
      devices(DeviceCounts::rmpFaults),
      "rmpFaults",
      "RMP refusals",
      null,
      COUNT,
      LOW,
      "Accesses of devices that the RMP refused."),
  DMA_REFUSED(
      computed(dma -> dma.translationFaults() + dma.rmpFaults()),
      "refused",
      null,
      "DMA refused",
      COUNT,
      LOW,
      "Accesses of devices that table or RMP refused."),
  DMA_LOST(
      devices(DeviceCounts::lost),
      "lost",
      "lost",
      "Lost",
      COUNT,
      LOW,
      "Those of the refused accesses that were not in a window: to pages that were a device's to use."),
  DMA_WRONG_DATA(
      devices(DeviceCounts::wrongData),
      "wrongData",
      "wrong data",
      "Wrong data",
      COUNT,
      LOW,
      "Accesses that reached another page's data, or no memory."),
  DMA_FORBIDDEN(
      devices(DeviceCounts::forbidden),
      "forbidden",
      "forbidden",
      null,
      COUNT,
      NEITHER,
      "Accesses besides that must not succeed: to a page that is not of the device's kind."),
  DMA_BESIDE(
      devices(DeviceCounts::beside),
      "beside",
      "beside",
      null,
      COUNT,
      LOW,
      "Those of the forbidden accesses that reached memory in which the page does not lie."),
  DMA_LEAKED(
      devices(DeviceCounts::leaked),
      "leaked",
      "leaked",
      "Leaked",
      COUNT,
      LOW,
      "Those of the forbidden accesses that reached the page, told by its content."),
  DMA_IOTLB_DROPPED(
      machine(DmaResult::iotlbDropped),
      "iotlbDropped",
      "dropped",
      null,
      COUNT,
      LOW,
      "Cached translations that flush commands dropped."),
  DMA_STALL_NS(
      machine(DmaResult::stallNs),
      "stallNs",
      "stalled",
      null,
      NANOS,
      LOW,
      "Time that all devices were kept waiting."),

  NS_P50(
      run(end -> end.nanos().getValueAtPercentile(50)),
      "nsP50",
      "p50",
      "p50",
      NANOS,
      LOW,
      "Median time of an event."),
  NS_P99(
      run(end -> end.nanos().getValueAtPercentile(99)),
      "nsP99",
      "p99",
      "p99",
      NANOS,
      LOW,
      "99th percentile of the time of an event."),
  NS_MAX(
      run(end -> end.nanos().getMaxValue()),
      "nsMax",
      "max",
      "Max",
      NANOS,
      LOW,
      "The longest event."),
  NS_TOTAL(
      run(RunEnd::totalNanos), "nsTotal", "total", "Total", NANOS, LOW, "All events together.");

  @SuppressWarnings("ImmutableEnumChecker") // functions that hold nothing
  private final ColumnSource source;

  private final String name;
  private final @Nullable String heading;
  private final @Nullable String title;
  private final Unit unit;
  private final Better better;
  private final String note;

  /**
   * A column.
   *
   * @param name its name in JSON
   * @param heading its heading in text, or null if it is not shown there
   * @param title its heading on a page, or null if it is not shown there
   * @param note what it is, in a sentence
   */
  ReplayColumn(
      ColumnSource source,
      String name,
      @Nullable String heading,
      @Nullable String title,
      Unit unit,
      Better better,
      String note) {
    this.source = source;
    this.name = name;
    this.heading = heading;
    this.title = title;
    this.unit = unit;
    this.better = better;
    this.note = note;
  }

  /** The figure of a run, if it is one of those. */
  @Nullable Long of(RunEnd end) {
    return source instanceof ColumnSource.OfRun(var figure) ? figure.applyAsLong(end) : null;
  }

  /** The figure of a table, if it is one of those. */
  @Nullable Long of(TableEnd end) {
    return source instanceof ColumnSource.OfTable(var figure) ? figure.applyAsLong(end) : null;
  }

  /** What was counted of all devices. */
  long of(DmaResult dma) {
    return source instanceof ColumnSource.OfMachine(var figure)
        ? figure.applyAsLong(dma)
        : of(dma.all());
  }

  private long of(DeviceCounts counts) {
    if (source instanceof ColumnSource.OfDevices(var figure, var _) && figure != null) {
      return figure.applyAsLong(counts);
    }
    throw new IllegalArgumentException(this + " is not counted of devices");
  }

  /** What was counted of the devices of a kind, or of the tables that they use. */
  public long of(DeviceResult devices) {
    return switch (this) {
      case TABLE_BYTES_END -> devices.tableBytes();
      case ILLEGAL_LEAVES -> devices.illegalLeaves();
      default -> of(devices.met().counts());
    };
  }

  /** What a person is shown of a policy; null where there is nothing to show. */
  public @Nullable Number shown(PolicyResult result) {
    if (isOfDevices() && result.dma() == null) {
      return null;
    }
    return source instanceof ColumnSource.OfDevices(var _, var shown)
        ? shown.apply(result.dma().all())
        : Long.valueOf(result.get(this));
  }

  /** What a person is shown of the devices of a kind; null where it is not theirs alone. */
  public @Nullable Number shown(DeviceResult devices) {
    if (source instanceof ColumnSource.OfDevices(var _, var shown)) {
      return shown.apply(devices.met().counts());
    }
    return isOfKind() ? Long.valueOf(of(devices)) : null;
  }

  /** What a person is shown of a further table; null where it is not a table's own. */
  public @Nullable Number shown(TableResult result) {
    return isOfTable() ? result.get(this) : null;
  }

  /** Whether each table has a figure of its own. */
  public boolean isOfTable() {
    return source instanceof ColumnSource.OfTable;
  }

  /** Whether it is a figure of the devices. */
  public boolean isOfDevices() {
    return source instanceof ColumnSource.OfDevices || source instanceof ColumnSource.OfMachine;
  }

  /** Whether the devices of each kind have a figure of their own. */
  public boolean isOfKind() {
    return source instanceof ColumnSource.OfDevices
        || this == TABLE_BYTES_END
        || this == ILLEGAL_LEAVES;
  }

  /** Whether it was counted, rather than computed from what was. */
  public boolean isCounted() {
    return !(source instanceof ColumnSource.OfDevices(var figure, var _)) || figure != null;
  }

  /** Its name in JSON, within what it is a figure of. */
  public String word() {
    return name;
  }

  /** Its name from the policy's result on. */
  public String key() {
    return isOfDevices() ? "dma." + name : name;
  }

  /** Its heading in text, or null if it is not shown there. */
  public @Nullable String heading() {
    return heading;
  }

  /** Its heading on a page, or null if it is not shown there. */
  public @Nullable String title() {
    return title;
  }

  /** What it counts, as it is shown. */
  public Unit unit() {
    return unit;
  }

  /** Which policy wins. */
  public Better better() {
    return better;
  }

  /** What it is, in a sentence. */
  public String note() {
    return note;
  }
}
