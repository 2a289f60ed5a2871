package dev.cleave.bench.replay;

import dev.cleave.bench.machine.Devices;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.engine.rmp.RmpFollower;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a replay is to be like, the same for all its policies.
 *
 * @param pageSizes leaf sizes of the tables, bit {@code s} for 2^s bytes
 * @param levels levels that an IOMMU table starts with
 * @param followsRmp whether leaf sizes depend on page states at all
 * @param guestBytes where guest memory ends
 * @param paddrBase added to the iova of a map whose line does not tell the paddr
 * @param order what comes first when table and RMP change
 * @param tableBytes the most memory a table may use
 * @param dmaAccesses accesses of devices over the whole replay, at least; 0 for no devices
 * @param seed what the devices' accesses depend on
 * @param hasNestedTable whether a nested table follows together with the IOMMU table
 * @param sharedBase paddr of where gpa 0 lies when it is shared, 2 MiB-aligned; 0 if shared pages
 *     stay where they are
 * @param flushEntries operations that owe a flush before any is issued; 0 to flush at once
 * @param spaces the address spaces, one at least; an event that says none is one of the first's
 * @param devices which devices use the memory
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
    long seed,
    boolean hasNestedTable,
    long sharedBase,
    int flushEntries,
    List<AddressSpace> spaces,
    Devices devices) {
  /** Options for one IOMMU table alone, whose pages stay where they are. */
  public ReplayOptions(
      long pageSizes,
      int levels,
      boolean followsRmp,
      long guestBytes,
      long paddrBase,
      RmpFollower.Order order,
      long tableBytes,
      long dmaAccesses,
      long seed) {
    this(
        pageSizes,
        levels,
        followsRmp,
        guestBytes,
        paddrBase,
        order,
        tableBytes,
        dmaAccesses,
        seed,
        false,
        0,
        0,
        List.of(AddressSpace.OPS),
        Devices.UNTRUSTED);
  }

  /** Whether shared pages stay where they are. */
  public boolean isSharedInPlace() {
    return sharedBase == 0;
  }

  /** Whether policies that map a shared backing can be replayed. */
  public boolean servesSharedBacked() {
    return followsRmp && !hasNestedTable && !isSharedInPlace();
  }

  /** The same with another order. */
  public ReplayOptions withOrder(RmpFollower.Order other) {
    return with(changed -> changed.order = other);
  }

  /** The same with a nested table beside the IOMMU table, or without. */
  public ReplayOptions withNestedTable(boolean hasOne) {
    return with(changed -> changed.hasNestedTable = hasOne);
  }

  /** The same with shared pages elsewhere. */
  public ReplayOptions withSharedBase(long base) {
    return with(changed -> changed.sharedBase = base);
  }

  /** The same for other address spaces. */
  public ReplayOptions withSpaces(List<AddressSpace> others) {
    return with(changed -> changed.spaces = others);
  }

  /** The same with other devices. */
  public ReplayOptions withDevices(Devices others) {
    return with(changed -> changed.devices = others);
  }

  /** The same with flushes deferred, or not. */
  public ReplayOptions withFlushEntries(int entries) {
    return with(changed -> changed.flushEntries = entries);
  }

  private ReplayOptions with(Consumer<Changed> change) {
    Changed changed = new Changed();
    change.accept(changed);
    return new ReplayOptions(
        pageSizes,
        levels,
        followsRmp,
        guestBytes,
        paddrBase,
        changed.order,
        tableBytes,
        dmaAccesses,
        seed,
        changed.hasNestedTable,
        changed.sharedBase,
        changed.flushEntries,
        changed.spaces,
        changed.devices);
  }

  /** What may differ in a copy. */
  private final class Changed {
    private RmpFollower.Order order = ReplayOptions.this.order;
    private boolean hasNestedTable = ReplayOptions.this.hasNestedTable;
    private long sharedBase = ReplayOptions.this.sharedBase;
    private int flushEntries = ReplayOptions.this.flushEntries;
    private List<AddressSpace> spaces = ReplayOptions.this.spaces;
    private Devices devices = ReplayOptions.this.devices;
  }

  /** When flushes are issued, as {@code --flush} says it. */
  public String flushWord() {
    return flushEntries == 0 ? "immediate" : "deferred=" + flushEntries;
  }
}
