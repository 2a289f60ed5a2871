package dev.cleave.bench.migrate;

import dev.cleave.bench.migrate.MigrationResult.Lookups;
import dev.cleave.engine.TableStatistics;
import java.util.ArrayList;
import java.util.List;

/**
 * Takes down what happens from one moment to another: passes, and what comes before and behind
 * them.
 *
 * <p>Not thread-safe.
 */
final class PassRecorder {
  private final SourceHost host;
  private final WritingDevice device;
  private final List<Pass> passes = new ArrayList<>();

  private long startNanos;
  private long sentPages;
  private long reportedPages;
  private long writtenPages;
  private long stalePages;
  private long missedPages;
  private long engineNanos;
  private int writes;
  private long accesses;
  private long iotlbHits;
  private long flushCommands;
  private TableStatistics statistics;

  PassRecorder(SourceHost host, WritingDevice device) {
    this.host = host;
    this.device = device;
    begin(0);
  }

  /** Forgets what happened before; it is so late in virtual time. */
  void begin(double nanos) {
    startNanos = Math.round(nanos);
    sentPages = 0;
    reportedPages = 0;
    writtenPages = 0;
    stalePages = 0;
    missedPages = 0;
    engineNanos = host.engineNanos();
    writes = device.writes();
    accesses = device.accesses();
    iotlbHits = host.iommu().iotlbHits;
    flushCommands = host.flushCommands();
    statistics = host.table().statistics();
  }

  void sent(int pages) {
    sentPages += pages;
  }

  /** A read reported pages, of which some had been written and the destination lacked some. */
  void read(int reported, int written, int stale, int missed) {
    reportedPages += reported;
    writtenPages += written;
    stalePages += stale;
    missedPages += missed;
  }

  /** Leaves split since the begin. */
  long splits() {
    return host.table().statistics().splits() - statistics.splits();
  }

  /** Leaves merged since the begin. */
  long merges() {
    return host.table().statistics().merges() - statistics.merges();
  }

  /** Invalidations since the begin. */
  long flushCommands() {
    return host.flushCommands() - flushCommands;
  }

  /** What the engine took since the begin. */
  long engineNanos() {
    return host.engineNanos() - engineNanos;
  }

  /** Translations since the begin. */
  Lookups lookups() {
    return new Lookups(device.accesses() - accesses, host.iommu().iotlbHits - iotlbHits);
  }

  /** What happened since the begin was a pass. */
  Pass end(int number, boolean isStopped, double nanos) {
    TableStatistics then = host.table().statistics();
    Lookups lookups = lookups();
    Pass pass =
        new Pass(
            number,
            isStopped,
            startNanos,
            Math.round(nanos),
            sentPages,
            reportedPages,
            writtenPages,
            stalePages,
            missedPages,
            device.writes() - writes,
            lookups.accesses(),
            lookups.iotlbHits(),
            then.splits() - statistics.splits(),
            then.merges() - statistics.merges(),
            flushCommands(),
            host.tableBytes(),
            engineNanos());
    passes.add(pass);
    return pass;
  }

  List<Pass> passes() {
    return List.copyOf(passes);
  }
}
