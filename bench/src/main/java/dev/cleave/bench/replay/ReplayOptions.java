package dev.cleave.bench.replay;

import dev.cleave.engine.rmp.RmpFollower;

/**
 * What a replay is to be like, the same for all its policies.
 *
 * @param pageSizes leaf sizes of the tables, bit {@code s} for 2^s bytes
 * @param levels levels that a table starts with
 * @param followsRmp whether leaf sizes depend on page states at all
 * @param guestBytes where guest memory ends
 * @param paddrBase added to the iova of a map whose line does not tell the paddr
 * @param order what comes first when table and RMP change
 * @param tableBytes the most memory a table may use
 * @param dmaAccesses accesses of devices over the whole replay, at least; 0 for no devices
 * @param seed what the devices' accesses depend on
 */
public record ReplayOptions(
    long pageSizes,
    int levels,
    boolean followsRmp,
    long guestBytes,
    long paddrBase,
    RmpFollower.Order order,
    long tableBytes,
    long dmaAccesses,
    long seed) {
  /** The same with another order. */
  public ReplayOptions withOrder(RmpFollower.Order other) {
    return new ReplayOptions(
        pageSizes, levels, followsRmp, guestBytes, paddrBase, other, tableBytes, dmaAccesses, seed);
  }
}
