package dev.cleave.bench.image.rmp;

import dev.cleave.bench.image.table.LeafRow;
import dev.cleave.bench.image.table.TableVisitor;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.util.Map;
import java.util.TreeMap;

/**
 * Finds out whose table it is: the guest's that owns most of the private memory that it leads to.
 *
 * <p>Not thread-safe.
 */
public final class RmpOwners implements TableVisitor {
  private final Rmp rmp;
  private final TreeMap<Integer, Long> bytesByAsid = new TreeMap<>();

  /**
   * Nobody yet.
   *
   * @param rmp the RMP
   */
  public RmpOwners(Rmp rmp) {
    this.rmp = rmp;
  }

  @Override
  public void leaf(LeafRow row) {
    RmpPieces.visit(
        rmp,
        row.paddr(),
        row.sizeBytes(),
        (_, bytes, entry) -> {
          int asid = entry.map(known -> RmpEntry.asid(known.low())).orElse(0);
          if (asid != 0 && entry.orElseThrow().isAssigned()) {
            bytesByAsid.merge(asid, bytes, Long::sum);
          }
        });
  }

  /** The ASID that owns most, the lowest of several; 0 if all memory is shared. */
  public int asid() {
    return bytesByAsid.entrySet().stream()
        .reduce((one, other) -> other.getValue() > one.getValue() ? other : one)
        .map(Map.Entry::getKey)
        .orElse(0);
  }
}
