package dev.cleave.bench.explain;

import dev.cleave.hwmodel.iommu.Event;
import java.util.Arrays;
import java.util.List;

/** The flags of an event, bit by bit. Source: {@code docs/spec/amd-vi.md} §5. */
enum EventFlag {
  GN(Event.GN, "a guest translation", "a host translation"),
  NX(Event.NX, "to execute", "not to execute"),
  US(Event.US, "by a user", "privileged"),
  I(Event.I, "an interrupt", "memory"),
  PR(Event.PR, "the entry was present", "no entry was present"),
  RW(Event.RW, "a write", "a read"),
  PE(Event.PE, "a permission was missing", "no permission was missing"),
  RZ(Event.RZ, "a reserved bit was set", "no reserved bit was set"),
  TR(Event.TR, "a translation request", "a transaction");

  private final int bit;
  private final String set;
  private final String clear;

  EventFlag(int bit, String set, String clear) {
    this.bit = bit;
    this.set = set;
    this.clear = clear;
  }

  boolean isIn(long flags) {
    return (flags & bit) != 0;
  }

  /** What its value means. */
  String words(long flags) {
    return isIn(flags) ? set : clear;
  }

  /** The flags that are set. */
  static List<EventFlag> of(long flags) {
    return Arrays.stream(values()).filter(flag -> flag.isIn(flags)).toList();
  }
}
