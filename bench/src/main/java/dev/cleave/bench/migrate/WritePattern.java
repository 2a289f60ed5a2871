package dev.cleave.bench.migrate;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Where in its working set a device writes. */
public enum WritePattern {
  /** A network card that receives: one buffer after the other, and the descriptor of each. */
  RING("buffers of a receive ring in turn, and a descriptor for each", 64L << 20) {
    @Override
    WriteStream stream(int pages, double pageNanos, long seed) {
      return new RingWrites(pages, pageNanos);
    }
  },
  /** Any page, with equal chance. */
  RANDOM("any page of the working set, with equal chance", Long.MAX_VALUE) {
    @Override
    WriteStream stream(int pages, double pageNanos, long seed) {
      return new RandomWrites(pages, pageNanos, seed);
    }
  },
  /** From the first page to the last and again. */
  SEQUENTIAL("from the first page to the last and again, as a disk that is read", Long.MAX_VALUE) {
    @Override
    WriteStream stream(int pages, double pageNanos, long seed) {
      return new SequentialWrites(pages, pageNanos);
    }
  },
  /** Runs of pages anywhere, fast, and nothing in between. */
  BURSTS("runs of 4M anywhere, at eight times the rate, and pauses between", Long.MAX_VALUE) {
    @Override
    WriteStream stream(int pages, double pageNanos, long seed) {
      return new BurstWrites(pages, pageNanos, seed);
    }
  };

  private final String note;
  private final long workingSetBytes;

  WritePattern(String note, long workingSetBytes) {
    this.note = note;
    this.workingSetBytes = workingSetBytes;
  }

  /**
   * The writes.
   *
   * @param pages of the working set, at least 1
   * @param pageNanos time from one page to the next, on average
   * @param seed what is random depends on it
   * @return the sequence, at its first write
   */
  abstract WriteStream stream(int pages, double pageNanos, long seed);

  /** The working set where none is asked for; a guest may have less. */
  public long workingSetBytes() {
    return workingSetBytes;
  }

  /** What it does, for a person. */
  public String note() {
    return note;
  }

  /** Its name on the command line and in results. */
  public String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** All words, with commas between. */
  public static String words() {
    return Arrays.stream(values()).map(WritePattern::word).collect(Collectors.joining(", "));
  }

  /**
   * Finds a pattern.
   *
   * @param word its name
   * @throws IllegalArgumentException if there is none of that name
   */
  public static WritePattern of(String word) {
    return Arrays.stream(values())
        .filter(pattern -> pattern.word().equals(word))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "'%s' is no pattern, expected some of %s".formatted(word, words())));
  }
}
