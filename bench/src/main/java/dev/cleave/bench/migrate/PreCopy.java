package dev.cleave.bench.migrate;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.migrate.MigrationResult.End;
import dev.cleave.bench.migrate.MigrationResult.Lookups;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;

/**
 * One migration by pre-copy, in virtual time. What the engine does takes none of it; a page on the
 * link does, and a flush command.
 *
 * <ol>
 *   <li>Tracking begins: leaves are split if the strategy says so, and all become clean.
 *   <li>A pass sends everything, the next ones what was reported. Behind each: read and clear,
 *       split and merge, flush. Devices write all the while, also between the read and its flush,
 *       unless an RMP entry was changed: no software order of the two is without a window, so they
 *       must stand still until the flush.
 *   <li>When what was reported fits the allowed downtime, devices are stopped, and the last read
 *       and pass are made. So they are when nothing gets better any more.
 *   <li>The destination is compared, page by page. Leaves are merged, and devices go on.
 * </ol>
 *
 * <p>Not thread-safe.
 */
public final class PreCopy implements AutoCloseable {
  private static final double NANOS_PER_SECOND = 1e9;

  /** Devices are stopped when so many passes in a row left as much as before and split nothing. */
  private static final int PATIENCE = 3;

  /** A pass is better than another if it leaves less than this part of what that one left. */
  private static final double BETTER = 0.99;

  /** So many lost pages are told. */
  private static final int MOST_LOST = 10;

  private final MigrateOptions options;
  private final Strategy strategy;
  private final boolean hasRmp;
  private final Load load;
  private final double pageNanos;
  private final SourceHost host;
  private final Tracker tracker;
  private final List<TrackedExtent> extents;
  private final PageNumbers frames;
  private final Content content;
  private final WritingDevice device;

  /** What the next pass sends. */
  private final FrameSet toSend;

  private final PassRecorder recorder;

  /** Virtual time; the migration begins at {@link #beginning}. */
  private double now;

  private final double beginning;
  private double stallNanos;
  private boolean isStopped;

  /** Writes that had been made when the flush behind the last read had completed. */
  private int trackedFrom;

  /** The same of the read before. */
  private int trackedBefore;

  /**
   * A migration that has not begun.
   *
   * @param memory what is migrated; devices can write some of it
   * @param hasRmp whether there is an RMP
   */
  public PreCopy(
      GuestMemory memory, MigrateOptions options, Strategy strategy, boolean hasRmp, Load load) {
    this.options = options;
    this.strategy = strategy;
    this.hasRmp = hasRmp;
    this.load = load;
    pageNanos = NANOS_PER_SECOND * PAGE_BYTES / options.bandwidth();
    frames = PageNumbers.ofMemory(memory.extents());
    extents = extents(memory.extents(), frames);
    host = new SourceHost(memory, hasRmp, options.pageSizes(), options.fault());
    tracker = new Tracker(host, strategy, options.mergeBack(), options.fault(), extents);
    content = new Content(frames.count());
    toSend = new FrameSet(frames.count());
    device =
        new WritingDevice(
            host, content, frames, PageNumbers.ofIovas(memory.writable()), load, options.seed());
    recorder = new PassRecorder(host, device);
    beginning = options.warmUpNanos();
  }

  private static List<TrackedExtent> extents(List<Extent> extents, PageNumbers frames) {
    return extents.stream()
        .map(extent -> new TrackedExtent(extent, frames.number(extent.paddr())))
        .toList();
  }

  /**
   * Migrates.
   *
   * @param goesOn asked behind every pass; where it says no, devices are stopped and the migration
   *     is brought to its end
   * @return what it came to
   */
  public MigrationResult run(BooleanSupplier goesOn) {
    Lookups before = warmUp();
    Lookups during = new Lookups(0, 0);
    boolean hasConverged = true;
    toSend.addAll();
    if (strategy.isLive()) {
      PassRecorder live = new PassRecorder(host, device);
      recorder.begin(elapsed());
      settle(tracker.begin());
      var _ = recorder.end(0, false, elapsed());
      hasConverged = goLive(goesOn);
      during = live.lookups();
    }
    double stopped = now;
    isStopped = true;
    sendRest();
    isStopped = false;
    double downtime = now - stopped;
    device.pause(downtime);
    List<LostPage> lost = new ArrayList<>();
    long lostPages = compare(lost);
    End end = mergeBack();
    return new MigrationResult(
        strategy,
        load,
        hasRmp,
        hasConverged,
        Math.round(stopped - beginning),
        Math.round(downtime),
        Math.round(stallNanos),
        before,
        during,
        warmUp(),
        end,
        host.tableBytesPeak(),
        lostPages,
        lost,
        device.refused(),
        device.firstRefusal(),
        recorder.passes());
  }

  /** Virtual time since the begin of the migration. */
  private double elapsed() {
    return now - beginning;
  }

  /** Devices write for a while; says what the IOTLB made of it. */
  private Lookups warmUp() {
    PassRecorder of = new PassRecorder(host, device);
    now += options.warmUpNanos();
    device.writeUntil(now);
    return of.lookups();
  }

  /** Passes while devices write, until they are to be stopped; says whether the rest is small. */
  private boolean goLive(BooleanSupplier goesOn) {
    double leastPages = Double.MAX_VALUE;
    int idlePasses = 0;
    for (int number = 1; ; number++) {
      recorder.begin(elapsed());
      send(number);
      tracker.forget();
      int rest = read(trackedFrom);
      boolean isSmall = rest * pageNanos + flushNanos() <= options.downtimeNanos();
      settle(!isSmall && tracker.adjust());
      Pass pass = recorder.end(number, false, elapsed());
      if (rest < BETTER * leastPages) {
        leastPages = rest;
        idlePasses = 0;
      } else {
        idlePasses = pass.splits() > 0 ? 0 : idlePasses + 1;
      }
      boolean isEnough = idlePasses == PATIENCE || number == options.mostPasses() - 1;
      if (isSmall || isEnough || !goesOn.getAsBoolean()) {
        return isSmall;
      }
    }
  }

  /** The last pass, while devices stand still: what was reported, and what came after that. */
  private void sendRest() {
    recorder.begin(elapsed());
    int number = 1;
    if (strategy.isLive()) {
      number = recorder.passes().size();
      var _ = read(trackedBefore); // what the last read reported has not been sent
      settle(false);
    }
    send(number);
    var _ = recorder.end(number, true, elapsed());
  }

  /** Sends what is to be sent, while devices write. */
  private void send(int number) {
    double start = now;
    int sent = 0;
    for (int frame = toSend.next(0); frame >= 0; frame = toSend.next(frame + 1)) {
      if (!isStopped) {
        device.writeUntil(start + sent * pageNanos);
      }
      content.copy(frame, number);
      sent++;
    }
    now = start + sent * pageNanos;
    if (!isStopped) {
      device.writeUntil(now);
    }
    recorder.sent(sent);
  }

  /**
   * Reads what is dirty; returns how many pages are to be sent now.
   *
   * @param from what was written behind this write should have been reported by now
   */
  private int read(int from) {
    tracker.read();
    toSend.take(extents);
    int reported = toSend.count();
    int written = 0;
    int stale = 0;
    int missed = 0;
    for (int frame = 0; frame < content.pages(); frame++) {
      if (content.lastWrite(frame) > from) {
        written++;
      }
      if (content.isStale(frame)) {
        stale++;
        missed += toSend.holds(frame) ? 0 : 1;
      }
    }
    recorder.read(reported, written, stale, missed);
    return reported;
  }

  /** What a flush of what is owed takes; a command more waits for the others. */
  private double flushNanos() {
    int commands = host.owedCommands();
    return commands == 0 ? 0 : (commands + 1) * (double) options.flushNanos();
  }

  /** Has flushed what is owed, while devices write unless they must not. */
  private void settle(boolean isStalled) {
    double window = flushNanos();
    if (host.owedCommands() > 0) {
      now += window;
      if (isStalled) {
        stallNanos += window;
      } else if (!isStopped) {
        device.writeUntil(now);
      }
      boolean isForgotten =
          options.fault() == Fault.NO_FLUSH && recorder.splits() + recorder.merges() == 0;
      if (!isForgotten) {
        host.flush();
      }
    }
    trackedBefore = trackedFrom;
    trackedFrom = device.writes();
    host.complete();
  }

  /** Compares the destination; returns how many pages it lacks, and adds some of them to a list. */
  private long compare(List<LostPage> lost) {
    long lostPages = 0;
    for (int frame = 0; frame < content.pages(); frame++) {
      if (content.isStale(frame)) {
        lostPages++;
        if (lost.size() < MOST_LOST) {
          lost.add(lostPage(frame));
        }
      }
    }
    return lostPages;
  }

  private LostPage lostPage(int frame) {
    if (content.lastWrite(frame) == 0) { // nobody wrote it: it should have been sent once
      return new LostPage(iova(frame), 0, 0, content.copiedIn(frame));
    }
    WritingDevice.Write write = device.find(content.lastWrite(frame));
    long nanos = Math.round(write.nanos() - beginning);
    int pass =
        recorder.passes().stream()
            .filter(one -> one.startNanos() <= nanos)
            .mapToInt(Pass::number)
            .max()
            .orElse(0);
    return new LostPage(write.iova(), nanos, pass, content.copiedIn(frame));
  }

  private long iova(int frame) {
    return extents.stream()
        .filter(extent -> frame >= extent.firstFrame && frame - extent.firstFrame < extent.pages)
        .mapToLong(extent -> extent.first() + (frame - extent.firstFrame) * (long) PAGE_BYTES)
        .findFirst()
        .orElseThrow();
  }

  /** Makes leaves large again, while devices may write. */
  private End mergeBack() {
    recorder.begin(elapsed());
    if (options.mergeBack().isAtEnd() && host.table().statistics().splits() > 0) {
      settle(tracker.mergeAll());
    }
    return new End(recorder.merges(), recorder.flushCommands(), recorder.engineNanos());
  }

  @Override
  public void close() {
    host.close();
  }
}
