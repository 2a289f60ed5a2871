package dev.cleave.bench.rival;

/**
 * A way to let a table follow a guest that shares and unshares pages of its regions: the table, the
 * bitmap and the gather are in step when a call returns.
 */
public interface ShareRival {
  /** Pages of one region become shared; both numbers are multiples of 4096. */
  void share(long gpa, long length);

  /** Pages of one region become private again. */
  void unshare(long gpa, long length);
}
