package dev.cleave.engine.operations;

import java.util.Locale;

/**
 * One step of a random run, as plain numbers, so that a run can be shortened and printed. Places
 * and lengths are in units of the window.
 *
 * @param kind what to do
 * @param at first unit
 * @param count number of units
 * @param value paddr in units, permissions, or logarithm of a size, as the kind wants
 * @param access permissions for a map
 * @param freePages table pages that may be taken meanwhile, -1 for any number
 */
record Op(Kind kind, int at, int count, long value, int access, int freePages) {
  enum Kind {
    MAP,
    MAP_RMP,
    SCATTER,
    UNMAP,
    SPLIT,
    MERGE,
    PROTECT,
    FIT,
    SHARE,
    UNSHARE,
    LARGE,
    DIRTY,
    SET_DIRTY,
    READ_DIRTY,
    TAKE_DIRTY,
    TRACK,
    FLUSH,
    CLEAR
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "new Op(Kind.%s, %d, %d, %dL, %d, %d)",
        kind,
        at,
        count,
        value,
        access,
        freePages);
  }
}
