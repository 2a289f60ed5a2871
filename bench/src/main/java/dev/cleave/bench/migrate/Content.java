package dev.cleave.bench.migrate;

import java.util.Arrays;

/**
 * What the pages of guest memory hold, at the source and at the destination: of each page the
 * number of the write that it holds, 0 for what it held before all writes. Whatever two pages hold,
 * they hold the same if these are equal, since no two writes have the same number.
 *
 * <p>Not thread-safe.
 */
final class Content {
  /** What stands at the destination until a page is copied. */
  private static final int NEVER_COPIED = -1;

  private final int[] source;
  private final int[] destination;

  /** In which pass each page was copied last; 0 before the first. */
  private final byte[] copiedIn;

  Content(int pages) {
    source = new int[pages];
    destination = new int[pages];
    Arrays.fill(destination, NEVER_COPIED);
    copiedIn = new byte[pages];
  }

  /** How many pages there are. */
  int pages() {
    return source.length;
  }

  /** A device writes a page, by a write of a number that no other has, from 1. */
  void write(int page, int number) {
    source[page] = number;
  }

  /** A page is copied as it is now. */
  void copy(int page, int pass) {
    destination[page] = source[page];
    copiedIn[page] = (byte) pass;
  }

  /** Whether the destination lacks what a page holds. */
  boolean isStale(int page) {
    return source[page] != destination[page];
  }

  /** The number of the write that a page holds, from 1; 0 for none. */
  int lastWrite(int page) {
    return source[page];
  }

  /** In which pass a page was copied last, or 0. */
  int copiedIn(int page) {
    return copiedIn[page];
  }
}
