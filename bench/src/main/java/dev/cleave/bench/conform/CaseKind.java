package dev.cleave.bench.conform;

import java.util.Locale;

/** What a case is about. Cases take turns in this order. */
public enum CaseKind {
  /** Leaves of every size that the format has, 4 KiB to 2^51. */
  LEAF_SIZES,
  /** Tables of 1 to 6 levels. */
  LEVELS,
  /** A top that grows while devices use the table. */
  GROWING_TOP,
  /** What leaves permit. */
  LEAF_PERMISSIONS,
  /** What directories permit. */
  DIRECTORY_PERMISSIONS,
  /** What device table entries permit. */
  DEVICE_PERMISSIONS,
  /** Holes, and unmaps that begin and end inside leaves. */
  HOLES,
  /** Splits, with DMA before, between the stores, after, and after the flush. */
  SPLIT,
  /** Merges, likewise. */
  MERGE,
  /** Splits and merges while another thread does DMA. */
  RACE,
  /** Every kind of gather: stale until it is flushed, fresh after. */
  STALE,
  /** Several domains with the same addresses. */
  DOMAINS,
  /** Devices that move between domains and pass through. */
  DEVICE_TABLE,
  /** Pages that lie anywhere. */
  SCATTERED,
  /** Output addresses of up to 52 bits. */
  FAR_OUTPUT,
  /** Everything at random in a small piece of address space. */
  MIX,
  /** Maps near by what was just unmapped, and emptied the tables around it. */
  REUSED_TABLES;

  /**
   * The kind as it is printed.
   *
   * @return a word
   */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
