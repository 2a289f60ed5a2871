package dev.cleave.engine;

import static dev.cleave.engine.format.Geometry.entryLog2;
import static dev.cleave.engine.format.Geometry.index;
import static dev.cleave.engine.format.Geometry.offsetMask;
import static dev.cleave.engine.format.Geometry.tableLog2;
import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.memory.TablePages;

/**
 * Goes through the leaves of a table in ascending order of iova. One object serves for a whole
 * iteration and may be sent over another range; nothing is allocated on the way.
 *
 * <p>Belongs to one thread. Beside writers it sees, at every step, a leaf that was there at that
 * moment; a leaf changed behind it is not seen again, one changed ahead of it is seen as it is
 * then.
 */
public final class LeafCursor {
  private final PageTable table;
  private final TablePages pages;
  private final EntryFormat format;
  private final IovaSpace space;

  private long next;
  private long last;
  private long reached;
  private boolean done = true;

  private long iova;
  private long entry;
  private int level;
  private int sizeLog2;

  LeafCursor(PageTable table, TablePages pages, IovaSpace space) {
    this.table = table;
    this.pages = pages;
    this.format = table.format();
    this.space = space;
  }

  /**
   * Starts over at a range.
   *
   * @param from first address
   * @param to last address, inclusive
   * @return this
   */
  public LeafCursor over(long from, long to) {
    next = from;
    last = to;
    done = Long.compareUnsigned(from, to) > 0;
    return this;
  }

  /**
   * Moves to the next leaf that has an address in the range.
   *
   * @return false when there is none left
   * @throws PageTableException CLOSED
   */
  public boolean advance() {
    while (!done) {
      long seen = pages.reclaims();
      long top = table.top();
      if (top == 0) {
        throw Refusals.closed();
      }
      int topLevel = PageTable.levels(top);
      if (!space.reaches(topLevel, next) && !skipGulf()) {
        done = true;
        break;
      }
      boolean found;
      try {
        found = step(PageTable.root(top), topLevel, next);
      } catch (IndexOutOfBoundsException e) {
        pages.rethrowIfStill(seen, e);
        continue;
      }
      if (!pages.isStill(seen)) {
        continue; // it may have read a table that is another by now
      }
      done = Long.compareUnsigned(reached, last) >= 0;
      next = reached + 1;
      if (found) {
        return true;
      }
    }
    return false;
  }

  /** Moves on to the upper half of the iovas, if there is one ahead that the range reaches. */
  private boolean skipGulf() {
    long upper = space.upperFirst();
    if (Long.compareUnsigned(next, upper) >= 0 || Long.compareUnsigned(upper, last) > 0) {
      return false;
    }
    next = upper;
    return true;
  }

  /**
   * Descends to an address, then moves sideways to the first leaf of the table it comes to.
   *
   * @return whether it found one; {@link #reached} is its last address, or that of the hole
   */
  private boolean step(long root, int topLevel, long address) {
    long in = root;
    int at = topLevel;
    long position = address;
    long tableLast = space.pieceLast(at, position);
    while (true) {
      long found = pages.loadAcquire(slotAt(in, index(position, at)));
      if (!format.isPresent(found)) {
        long holeLast = position | offsetMask(entryLog2(at));
        if (holeLast == tableLast || Long.compareUnsigned(holeLast, last) >= 0) {
          reached = holeLast;
          return false;
        }
        position = holeLast + 1;
      } else if (format.isLeaf(found, at)) {
        entry = found;
        level = at;
        sizeLog2 = format.leafSizeLog2(found, at);
        iova = position & -(1L << sizeLog2);
        reached = position | offsetMask(sizeLog2);
        return true;
      } else {
        in = format.tablePaddr(found);
        at--;
        tableLast = position | offsetMask(tableLog2(at));
      }
    }
  }

  /** {@return the first address of the leaf} */
  public long iova() {
    return iova;
  }

  /** {@return the output address of its first byte} */
  public long paddr() {
    return format.leafPaddr(entry, level);
  }

  /** {@return logarithm of its bytes} */
  public int sizeLog2() {
    return sizeLog2;
  }

  /** {@return what it allows, {@link Access} flags} */
  public int access() {
    return format.access(entry);
  }

  /** {@return its raw bits, as they stand in its first slot seen} */
  public long entry() {
    return entry;
  }

  /** {@return hardware level of the table that it stands in, 1 to 5} */
  public int level() {
    return level;
  }
}
