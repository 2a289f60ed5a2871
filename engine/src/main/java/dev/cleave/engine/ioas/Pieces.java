package dev.cleave.engine.ioas;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Memory that is going to be mapped as one run of iovas: one piece for each area to make. Kept from
 * one operation to the next; belongs to one thread at a time.
 */
final class Pieces {
  private static final int FEW = 4;

  private long[] lengths = new long[FEW];
  private long[] offsets = new long[FEW];
  private boolean[] written = new boolean[FEW];
  private @Nullable Backing[] backings = new Backing[FEW];
  private int count;

  int count() {
    return count;
  }

  void clear() {
    if (count > 0) {
      Arrays.fill(backings, 0, count, null);
      count = 0;
    }
  }

  void add(Backing backing, long offset, long length, boolean isWritten) {
    if (count == lengths.length) {
      lengths = Arrays.copyOf(lengths, 2 * count);
      offsets = Arrays.copyOf(offsets, 2 * count);
      written = Arrays.copyOf(written, 2 * count);
      backings = Arrays.copyOf(backings, 2 * count);
    }
    lengths[count] = length;
    offsets[count] = offset;
    written[count] = isWritten;
    backings[count] = backing;
    count++;
  }

  long length(int piece) {
    return lengths[piece];
  }

  long offset(int piece) {
    return offsets[piece];
  }

  boolean isWritten(int piece) {
    return written[piece];
  }

  Backing backing(int piece) {
    Backing backing = backings[piece];
    assert backing != null;
    return backing;
  }
}
