package dev.cleave.bench.migrate;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.WorkFailed;
import dev.cleave.hwmodel.iommu.Outcome;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * A device that writes pages, and reads some, through the IOMMU in virtual time. What it writes is
 * the number of the write, into the page that the address was translated to.
 *
 * <p>Not thread-safe.
 */
final class WritingDevice {
  private static final int REGION_PAGES = (int) (REGION_BYTES >>> 12);
  private static final double NANOS_PER_SECOND = 1e9;
  private static final long PAGE_BYTES = 4096;
  private static final int HUNDRED = 100;

  private final SourceHost host;
  private final Content content;
  private final PageNumbers frames;
  private final PageNumbers writable;
  private final Load load;
  private final long seed;
  private final int workingSet;
  private final int firstPage;
  private final WriteStream stream;
  private final SplittableRandom reads;
  private double delay;
  private int writes;
  private long accesses;

  /** Hundredths of a read that are due. */
  private int readsDue;

  private long refused;
  private @Nullable String firstRefusal;

  /**
   * A device at its first write.
   *
   * @param host what translates
   * @param content what it writes to
   * @param frames numbers of memory's pages
   * @param writable numbers of the iovas that it may use; at least one
   * @param seed where its working set lies, and its writes
   */
  WritingDevice(
      SourceHost host,
      Content content,
      PageNumbers frames,
      PageNumbers writable,
      Load load,
      long seed) {
    this.host = host;
    this.content = content;
    this.frames = frames;
    this.writable = writable;
    this.load = load;
    this.seed = seed;
    workingSet = (int) Math.min(Math.max(1, load.workingSetBytes() / PAGE_BYTES), writable.count());
    int room = (writable.count() - workingSet) / REGION_PAGES;
    firstPage = new SplittableRandom(seed).nextInt(room + 1) * REGION_PAGES;
    stream = stream();
    reads = new SplittableRandom(~seed);
  }

  private WriteStream stream() {
    double pageNanos = NANOS_PER_SECOND * PAGE_BYTES / load.bytesPerSecond();
    return load.pattern().stream(workingSet, pageNanos, seed);
  }

  /** Makes all writes that are due until a moment. */
  void writeUntil(double nanos) {
    while (stream.nanos() + delay <= nanos) {
      write(writable.address(firstPage + stream.page()));
      stream.next();
      for (readsDue += load.readPercent(); readsDue >= HUNDRED; readsDue -= HUNDRED) {
        var _ = access(writable.address(firstPage + reads.nextInt(workingSet)), false);
      }
    }
  }

  private void write(long iova) {
    if (++writes < 0) {
      throw new WorkFailed("the device made 2^31 writes; let it write slower, or for less long");
    }
    int frame = access(iova, true);
    if (frame != PageNumbers.NONE) {
      content.write(frame, writes);
    }
  }

  /** The page of memory that an access reaches, or none. */
  private int access(long iova, boolean isWrite) {
    accesses++;
    long to = host.translate(iova, isWrite);
    int frame = Outcome.isAddress(to) ? frames.number(to) : PageNumbers.NONE;
    if (frame == PageNumbers.NONE) {
      refuse(iova, isWrite, to);
    }
    return frame;
  }

  private void refuse(long iova, boolean isWrite, long outcome) {
    host.drainEvents();
    refused++;
    if (firstRefusal == null) {
      String kind = isWrite ? "write" : "read";
      firstRefusal =
          Outcome.isAddress(outcome)
              ? "a %s of iova %s went to %s, which is not the guest's"
                  .formatted(kind, Numbers.hex(iova), Numbers.hex(outcome))
              : "a %s of iova %s was refused with outcome %d"
                  .formatted(kind, Numbers.hex(iova), outcome);
    }
  }

  /** It stands still for a while: all further writes come later. */
  void pause(double nanos) {
    delay += nanos;
  }

  /** Writes so far. */
  int writes() {
    return writes;
  }

  /** Writes and reads so far. */
  long accesses() {
    return accesses;
  }

  /** Accesses that did not reach memory of the guest. */
  long refused() {
    return refused;
  }

  /** The first of them, in words; null if there was none. */
  @Nullable String firstRefusal() {
    return firstRefusal;
  }

  /** When a write was made, and where to: the sequence is run through once more. */
  Write find(int number) {
    WriteStream again = stream();
    for (int i = 1; i < number; i++) {
      again.next();
    }
    return new Write(again.nanos(), writable.address(firstPage + again.page()));
  }

  /** A write that was made. */
  record Write(double nanos, long iova) {}
}
