package dev.cleave.engine.ioas;

import dev.cleave.engine.IotlbGather;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * One change of a space that is under way: the iovas that it has for itself, what it needs for each
 * table, and what it needs to remember. Kept for the next one.
 */
final class Operation {
  private static final VarHandle OVER;

  static {
    try {
      OVER = MethodHandles.lookup().findVarHandle(Operation.class, "over", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  /** By which a space knows it. */
  final int number;

  long first;
  long last;

  /** Who waits for its turn. */
  @Nullable Thread waiter;

  /** Whether it is over, and only waits to be found. */
  @SuppressWarnings("unused") // by the handle
  private boolean over;

  /** What is to be mapped, from {@link #mapFirst} on. */
  final Pieces pieces = new Pieces();

  long mapFirst;
  long mapBytes;
  int access;

  /** How much of it the table under way has mapped. */
  long mappedBytes;

  /** An area that was looked at. */
  long areaFirst;

  long areaLast;

  final RangeTree.Position position = new RangeTree.Position();

  /** The part of a range from its first area to its last, and whether that cuts either of them. */
  long from;

  long to;
  boolean cutsFirst;
  boolean cutsLast;

  final RangeTree.Position scratch = new RangeTree.Position();
  final CutRule cut = new CutRule();
  final RememberedRule rule = new RememberedRule();
  final Granularity.Saved saved = new Granularity.Saved();

  private @Nullable TableTools[] tools = {};

  /** The list of tables that it has tools for. */
  private long equippedFor;

  Operation(int number) {
    this.number = number;
  }

  /** Says that it is over, as the last thing that who had it does. */
  void setOver() {
    OVER.setRelease(this, true);
  }

  boolean isOver() {
    return (boolean) OVER.getAcquire(this);
  }

  void beginAnew() {
    over = false;
  }

  boolean overlaps(long from, long to) {
    return Long.compareUnsigned(first, to) <= 0 && Long.compareUnsigned(from, last) <= 0;
  }

  TableTools tools(int table) {
    TableTools ofTable = tools[table];
    assert ofTable != null;
    return ofTable;
  }

  IotlbGather gather(int table) {
    return tools(table).gather();
  }

  /** Has tools for each table, by who holds the space's lock; mostly it has them already. */
  void equip(AttachedTables tables) {
    if (equippedFor != tables.version()) {
      giveBack();
      int count = tables.count();
      tools = new TableTools[count];
      for (int table = 0; table < count; table++) {
        tools[table] = tables.get(table).takeTools();
      }
      equippedFor = tables.version();
    }
  }

  /** Gives them back to their tables, wherever these are by now. */
  private void giveBack() {
    for (TableTools ofTable : tools) {
      if (ofTable != null) {
        ofTable.giveBack();
      }
    }
  }
}
