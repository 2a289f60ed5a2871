package dev.cleave.bench.image.rmp;

import dev.cleave.bench.image.rmp.Rmp.Entry;
import dev.cleave.engine.format.Geometry;
import java.util.Optional;

/** Cuts memory into pieces of which the RMP says one thing. */
final class RmpPieces {
  /** Who is told of the pieces, in order. */
  interface Visitor {
    /**
     * A piece.
     *
     * @param offset where it begins, from the beginning of the range
     * @param bytes its length
     * @param entry the entry that describes it, empty where none is known
     */
    void piece(long offset, long bytes, Optional<Entry> entry);
  }

  private RmpPieces() {}

  /**
   * Visits the pieces of a range of memory.
   *
   * @param spa its first address, of a page
   * @param bytes whole pages
   */
  static void visit(Rmp rmp, long spa, long bytes, Visitor visitor) {
    for (long offset = 0, length; offset != bytes; offset += length) {
      long at = spa + offset;
      long region = at & -Geometry.REGION_BYTES;
      if (Long.compareUnsigned(at, rmp.end()) >= 0) {
        visitor.piece(offset, bytes - offset, rmp.at(at));
        return;
      }
      length = Math.min(bytes - offset, region + Geometry.REGION_BYTES - at);
      switch (rmp.region(at)) {
        case LARGE -> visitor.piece(offset, length, rmp.at(region));
        case SHARED -> visitor.piece(offset, length, Optional.of(Rmp.HYPERVISORS));
        case UNKNOWN -> visitor.piece(offset, length, Optional.empty());
        case PAGES -> {
          for (long page = 0; page < length; page += Geometry.PAGE_BYTES) {
            visitor.piece(offset + page, Geometry.PAGE_BYTES, rmp.at(at + page));
          }
        }
      }
    }
  }
}
