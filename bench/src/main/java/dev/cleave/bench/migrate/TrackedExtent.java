package dev.cleave.bench.migrate;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_LOG2;

import dev.cleave.bench.extent.Extent;
import dev.cleave.engine.DirtyBitmap;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.BitSet;

/**
 * A contiguous part of a guest, and what is known of it while it is tracked: what the last read
 * reported, which regions have leaves of 4 KiB alone, and how long each was clean.
 *
 * <p>Not thread-safe.
 */
final class TrackedExtent {
  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

  final Extent extent;

  /** How many pages it has. */
  final int pages;

  /** Number of the memory page that its first page leads to; the others follow. */
  final int firstFrame;

  /** What the last read reported; read and written by words as well. */
  final DirtyBitmap reported;

  /** Regions, from 0, where something was split to 4 KiB and nothing merged since. */
  final BitSet split = new BitSet();

  /** Those of them that have leaves of 4 KiB alone. */
  final BitSet small = new BitSet();

  /** For how many reads in a row each split region was clean. */
  final byte[] cleanReads;

  TrackedExtent(Extent extent, int firstFrame) {
    this.extent = extent;
    this.pages = (int) (extent.length() >>> PAGE_LOG2);
    this.firstFrame = firstFrame;
    this.reported = new DirtyBitmap(extent.first(), extent.length(), PAGE_LOG2);
    this.cleanReads = new byte[regions()];
  }

  long first() {
    return extent.first();
  }

  long length() {
    return extent.length();
  }

  /** How many regions it reaches into. */
  int regions() {
    return region(extent.last()) + 1;
  }

  /** Which of them an iova is in. */
  int region(long iova) {
    return (int) ((iova >>> REGION_LOG2) - (extent.first() >>> REGION_LOG2));
  }

  /** Where a region begins in it. */
  long regionFirst(int region) {
    return Math.max(
        extent.first(), (extent.first() & -REGION_BYTES) + ((long) region << REGION_LOG2));
  }

  /** Where a region ends in it, exclusive. */
  long regionEnd(int region) {
    return Math.min(
        extent.last() + 1, (extent.first() & -REGION_BYTES) + ((region + 1L) << REGION_LOG2));
  }

  /** How many words of 64 pages it has. */
  int words() {
    return (pages + Long.SIZE - 1) / Long.SIZE;
  }

  /** The pages of a word that the last read reported. */
  long word(int index) {
    return reported.bits().get(WORD, (long) index * Long.BYTES);
  }
}
