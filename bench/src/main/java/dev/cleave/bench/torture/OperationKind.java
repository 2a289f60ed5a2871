package dev.cleave.bench.torture;

import java.util.Locale;

/** What a writer does, to a part of its own slice or to a whole region that it has for itself. */
public enum OperationKind {
  /** Maps pages of a slice. */
  MAP,
  /** Unmaps pages of a slice. */
  UNMAP,
  /** Changes what pages of a slice permit. */
  PROTECT,
  /** Makes leaves around pages of a slice smaller. */
  SPLIT,
  /** Makes leaves inside a slice larger. */
  MERGE,
  /** Makes leaves of a slice fit a rule. */
  FIT,
  /** Reads which pages of a slice are dirty, and makes them clean. */
  CLEAR_DIRTY,
  /** Makes pages of a slice dirty. */
  SET_DIRTY,
  /** Maps a region. */
  MAP_REGION,
  /** Unmaps a region, so that its table waits, and maps some of it anew. */
  UNMAP_REGION,
  /** Unmaps two regions with the table that both stand in. */
  UNMAP_PAIR,
  /** Unmaps a region in two parts and maps it as it was before anything is flushed. */
  RESTORE_REGION,
  /** Splits a region. */
  SPLIT_REGION,
  /** Merges a region. */
  MERGE_REGION,
  /** Reads which pages of a region are dirty, and makes them clean. */
  CLEAR_REGION,
  /** Looks whether all pages of a region that devices wrote to are dirty. */
  INSPECT_REGION;

  /**
   * For people and programs.
   *
   * @return lower case, with hyphens
   */
  public String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
