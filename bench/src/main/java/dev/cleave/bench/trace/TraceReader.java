package dev.cleave.bench.trace;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Excerpt;
import dev.cleave.bench.io.Inputs;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/**
 * Reads one trace, event by event. The forms of line may be mixed freely; what is none of them is
 * counted and passed over, or ends the reading in strict mode.
 *
 * <p>Memory is bounded whatever the file holds. Not thread-safe.
 */
public final class TraceReader implements AutoCloseable {
  private static final String STDIN = "-";
  private static final String UNKNOWN =
      "not a line of a trace; expected an event of QEMU's, Cloud Hypervisor's, iommu: or kvm: about"
          + " maps or page states, or map, unmap, share, unshare, split, merge, translate or dma";

  private final String name;
  private final LineSource lines;
  private final boolean isStrict;
  private final TraceCounts counts = new TraceCounts();
  private final LineParser parser = new LineParser();

  /** Gaps of the log before the last event. */
  private long gapsBefore;

  /**
   * Reads plain text from a stream, which {@link #close} closes.
   *
   * @param name the name of the trace in messages
   * @param isStrict whether a line that is skipped or malformed is an error
   */
  public TraceReader(String name, InputStream in, boolean isStrict) {
    this.name = name;
    this.lines = new LineSource(in);
    this.isStrict = isStrict;
  }

  /**
   * Opens a trace.
   *
   * @param file a path, read as gzip when it ends in {@code .gz}, or {@code -} for standard input
   *     (which {@link #close} leaves open)
   * @param isStrict whether a line that is skipped or malformed is an error
   * @throws BadInput when the file cannot be opened or is no gzip file though its name says so
   */
  public static TraceReader open(String file, boolean isStrict) {
    return file.equals(STDIN)
        ? new TraceReader("standard input", Inputs.open(file), isStrict)
        : new TraceReader(file, Inputs.open(file), isStrict);
  }

  /**
   * The next event.
   *
   * @return null after the last one
   * @throws BadInput when the file is no text or cannot be read any further and, in strict mode, at
   *     a line that is skipped or malformed. A gzip file that ends too early ends the trace, and is
   *     counted; in strict mode it is an error
   */
  public @Nullable Told next() {
    while (true) {
      String text = nextLine();
      if (text == null) {
        return null;
      }
      long line = counts.countLine();
      Parsed parsed = parse(line, text);
      counts.countKind(parser.latest().kind());
      switch (parsed) {
        case Parsed.Of(TraceEvent event, Source source) -> {
          counts.countEvent(event.kind());
          LogLine latest = parser.latest();
          boolean isAfterGap = counts.gaps() != gapsBefore;
          gapsBefore = counts.gaps();
          return new Told(event, source, latest.task(), latest.time(), isAfterGap);
        }
        case Parsed.NoEffect() -> counts.countNoEffect();
        case Parsed.Blank() -> {}
        case Parsed.Unknown(String event) ->
            counts.countSkipped(event, oddity(line, text, UNKNOWN));
        case Parsed.Lost(long events) -> counts.countLost(events);
        case Parsed.Failure() ->
            counts.countFailure(new TraceCounts.Oddity(line, Excerpt.of(text), "a change failed"));
        case Parsed.Malformed(String problem) -> counts.countMalformed(oddity(line, text, problem));
      }
    }
  }

  /** What was met so far; the same object at every call. */
  public TraceCounts counts() {
    return counts;
  }

  @Override
  public void close() throws IOException {
    lines.close();
  }

  private @Nullable String nextLine() {
    try {
      if (counts.lines() == 0) {
        BinaryKind kind = lines.binaryKind();
        if (kind != null) {
          throw BadInput.in(name, kind.refusal());
        }
      }
      return lines.next();
    } catch (EOFException e) {
      if (isStrict || counts.lines() == 0) {
        throw BadInput.cannotRead(name, counts.lines() + 1, e);
      }
      counts.setTruncated();
      return null;
    } catch (IOException e) {
      throw BadInput.cannotRead(name, counts.lines() + 1, e);
    }
  }

  private Parsed parse(long line, String text) {
    Parsed parsed = parser.parse(line, text);
    boolean isKnown = parsed instanceof Parsed.Of || parsed instanceof Parsed.NoEffect;
    return isKnown && lines.wasCut()
        ? new Parsed.Malformed("the line is longer than " + LineSource.MAX_LINE_BYTES + " bytes")
        : parsed;
  }

  private TraceCounts.Oddity oddity(long line, String text, String problem) {
    String excerpt = Excerpt.of(text);
    if (isStrict) {
      throw BadInput.at(name, line, problem + "; found: " + excerpt);
    }
    return new TraceCounts.Oddity(line, excerpt, problem);
  }
}
