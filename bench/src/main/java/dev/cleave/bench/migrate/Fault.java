package dev.cleave.bench.migrate;

import dev.cleave.bench.torture.BrokenPages;
import dev.cleave.engine.TableMemory;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** What can be broken on purpose in the tracking, to see that the lost pages are found. */
public enum Fault {
  /** Nothing. */
  NONE,
  /** Dirty bits are cleared first and read then. */
  CLEAR_BEFORE_READ,
  /** After bits were cleared nothing is flushed, unless a leaf was split or merged with it. */
  NO_FLUSH,
  /** Bits that arrive in a table that a merge has replaced are dropped. */
  LATE_BITS;

  /** Its name on the command line. */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The words of what can be broken, with commas between. */
  public static String words() {
    return Arrays.stream(values()).skip(1).map(Fault::word).collect(Collectors.joining(", "));
  }

  /**
   * Finds a fault.
   *
   * @param word its name
   * @throws IllegalArgumentException if there is none of that name
   */
  public static Fault of(String word) {
    return Arrays.stream(values())
        .skip(1)
        .filter(fault -> fault.word().equals(word))
        .findFirst()
        .orElseThrow(() ->
            new IllegalArgumentException(
                "'%s' cannot be broken, expected one of %s".formatted(word, words())));
  }

  /** Table memory that has the fault, if it is one of memory. */
  TableMemory memory(long bytes, long base) {
    return this == LATE_BITS
        ? TableMemory.of(
            new BrokenPages(bytes, base, dev.cleave.bench.torture.Fault.FORGOTTEN_DIRTY))
        : TableMemory.builder().capacityBytes(bytes).base(base).build();
  }
}
