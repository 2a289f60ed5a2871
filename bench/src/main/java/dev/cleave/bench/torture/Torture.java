package dev.cleave.bench.torture;

import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.memory.TablePages;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongPredicate;

/**
 * Tortures a page table: writers, devices, a reader and a flusher at full speed. Every second or so
 * all of them end, the whole table is checked, and another one takes its place, so that its top
 * grows again under everybody's feet.
 */
public final class Torture {
  /** Writers that there are slices for. */
  public static final int MOST_WRITERS = Space.SLICES;

  private static final long ROUND_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long PROGRESS_MILLIS = 100;
  private static final Duration PATIENCE = Duration.ofSeconds(30);
  private static final long MEMORY_BYTES = 1L << 30;
  private static final long MEMORY_BASE = 1L << 40;
  private static final int LAST_OPERATIONS = 16;

  private final int writers;
  private final SplittableRandom seeds;
  private final Fault fault;
  private final int deferred;
  private final LongPredicate progress;
  private boolean goesOn = true;

  /** By writer. */
  private final List<Map<OperationKind, AtomicLong>> done = new ArrayList<>();

  private long nanos;
  private int rounds;
  private long accesses;
  private long hits;
  private long marks;
  private long translations;
  private long flushes;

  /**
   * A run to come.
   *
   * @param writers number of writers, 1 to {@link #MOST_WRITERS}
   * @param seed of all choices; how threads meet is chance
   * @param fault what is broken
   * @param deferred operations whose flushes are outstanding before any is flushed; 0 to flush at
   *     once
   * @param progress told of the operations so far, and says whether to go on
   */
  public Torture(int writers, long seed, Fault fault, int deferred, LongPredicate progress) {
    this.writers = writers;
    this.seeds = new SplittableRandom(seed);
    this.fault = fault;
    this.deferred = deferred;
    this.progress = progress;
    for (int i = 0; i < writers; i++) {
      Map<OperationKind, AtomicLong> counts = new EnumMap<>(OperationKind.class);
      for (OperationKind kind : OperationKind.values()) {
        counts.put(kind, new AtomicLong());
      }
      done.add(counts);
    }
  }

  /**
   * Runs until the time is over or a violation is found.
   *
   * @param time in nanoseconds
   * @return what came of it
   * @throws InterruptedException if the thread is interrupted
   */
  public TortureResult run(long time) throws InterruptedException {
    long start = System.nanoTime();
    TortureResult result;
    do {
      long left = time - (System.nanoTime() - start);
      result = round(Math.min(ROUND_NANOS, left));
    } while (result.violation() == null && goesOn && System.nanoTime() - start < time);
    return result;
  }

  private TortureResult round(long time) throws InterruptedException {
    Verdict verdict = new Verdict();
    int deviceCount = Math.max(1, writers / 2);
    Space space = new Space(deviceCount);
    TablePages pages = fault.pages(MEMORY_BYTES, MEMORY_BASE);
    TableMemory memory = TableMemory.of(pages);
    int levels = 2 + seeds.nextInt(2);
    PageTable table = PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX).withLevels(levels));
    Inspector inspector = new Inspector(pages, table, space, verdict);
    List<Device> devices = new ArrayList<>();
    for (int i = 0; i < deviceCount; i++) {
      devices.add(new Device(i, pages, table, space, verdict, seeds.nextLong()));
    }
    Reader reader = new Reader(table, space, verdict, seeds.nextLong());
    Flusher flusher = new Flusher(space, devices, fault, inspector, deferred, seeds.nextLong());
    List<Writer> all = new ArrayList<>();
    for (int i = 0; i < writers; i++) {
      long seed = seeds.nextLong();
      all.add(
          new Writer(
              table, space, flusher, devices, verdict, inspector, i, writers, seed, done.get(i)));
    }
    flusher.serve(all);
    long begin = System.nanoTime();
    Thread flushing = start("flusher", flusher, verdict);
    List<Thread> threads = new ArrayList<>();
    devices.forEach(device -> threads.add(start("device", device, verdict)));
    threads.add(start("reader", reader, verdict));
    all.forEach(writer -> threads.add(start("writer", writer, verdict)));
    await(verdict, begin, time);
    for (Thread thread : threads) {
      join(thread, verdict);
    }
    long end = System.nanoTime();
    nanos += end - begin;
    flusher.finish();
    join(flushing, verdict);
    rounds++;
    devices.forEach(device -> {
      accesses += device.accesses();
      hits += device.hits();
      marks += device.marks();
    });
    translations += reader.translations();
    flushes += flusher.flushes();
    if (verdict.found() == null) {
      inspector.inspectAll();
    }
    if (verdict.found() == null) {
      close(table, memory, verdict);
    }
    return result(verdict.found(), all.stream().map(Writer::log).toList(), end);
  }

  private static void close(PageTable table, TableMemory memory, Verdict verdict) {
    try {
      table.close();
      memory.close();
    } catch (IllegalStateException e) {
      verdict.failure("the table, when it was closed,", e);
    }
  }

  private static Thread start(String name, Runnable work, Verdict verdict) {
    return Thread.ofPlatform()
        .name("torture-" + name)
        .daemon()
        .start(() -> {
          try {
            work.run();
          } catch (Throwable e) {
            verdict.failure("a " + name, e);
          }
        });
  }

  private static void join(Thread thread, Verdict verdict) throws InterruptedException {
    if (!thread.join(PATIENCE)) {
      String stack = Arrays.toString(thread.getStackTrace());
      verdict.violation(-1, "%s does not end: %s".formatted(thread.getName(), stack));
    }
  }

  private void await(Verdict verdict, long begin, long time) throws InterruptedException {
    long left = time;
    while (left > 0 && !verdict.isOver() && goesOn) {
      Thread.sleep(Math.min(PROGRESS_MILLIS, TimeUnit.NANOSECONDS.toMillis(left) + 1));
      goesOn = progress.test(operations().values().stream().mapToLong(Long::longValue).sum());
      left = time - (System.nanoTime() - begin);
    }
    verdict.end();
  }

  private Map<OperationKind, Long> operations() {
    Map<OperationKind, Long> operations = new EnumMap<>(OperationKind.class);
    for (OperationKind kind : OperationKind.values()) {
      long sum = 0;
      for (Map<OperationKind, AtomicLong> counts : done) {
        sum += counts.get(kind).get();
      }
      operations.put(kind, sum);
    }
    return operations;
  }

  private TortureResult result(Verdict.Found found, List<OperationLog> logs, long end) {
    return new TortureResult(
        operations(),
        nanos,
        rounds,
        accesses,
        hits,
        marks,
        translations,
        flushes,
        found == null ? null : found.what(),
        found == null ? List.of() : OperationLog.of(logs, found.page(), LAST_OPERATIONS, end));
  }
}
