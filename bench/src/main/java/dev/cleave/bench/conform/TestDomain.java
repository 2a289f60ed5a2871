package dev.cleave.bench.conform;

import static dev.cleave.engine.memory.TableEntries.slotAt;

import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.memory.TablePages;

/** A domain under test: its table, what it owes, and what was asked of it. */
final class TestDomain {
  private final int id;
  private final TablePages pages;
  private final PageTable table;
  private final OutstandingFlushes outstanding;
  private IotlbGather gather;
  private final LeafCursor cursor;
  private final RequestedMappings requested = new RequestedMappings();

  /** A directory that was told to permit less, and over which addresses. */
  private long restrictedFirst;

  private long restrictedLast;
  private int restrictedAccess = Access.READ_WRITE;

  TestDomain(TestCase.DomainSpec spec, TablePages pages, TableMemory memory) {
    this.id = spec.id();
    this.pages = pages;
    this.table =
        PageTable.create(memory, PageTableConfig.of(AmdV1.LINUX).withLevels(spec.levels()));
    this.outstanding = new OutstandingFlushes(table);
    this.gather = outstanding.gather();
    this.cursor = table.leaves();
  }

  int id() {
    return id;
  }

  PageTable table() {
    return table;
  }

  @SuppressWarnings("CheckReturnValue") // an accessor; the domain itself keeps the gather
  IotlbGather gather() {
    return gather;
  }

  /** Flushes that are for later. */
  OutstandingFlushes outstanding() {
    return outstanding;
  }

  /**
   * Leaves what the gather owes for later; the next operation gets another one.
   *
   * @param before what was asked for before it owed anything
   */
  void defer(RequestedMappings before) {
    outstanding.add(gather, before);
    gather = outstanding.gather();
  }

  LeafCursor cursor() {
    return cursor;
  }

  RequestedMappings requested() {
    return requested;
  }

  /** The entry that points a device at the table as it is now. */
  DeviceTableEntry entry(int access) {
    long top = table.top();
    return DeviceTableEntry.v1(PageTable.root(top), PageTable.levels(top), id).withAccess(access);
  }

  /** What a directory leaves of the permissions below it. */
  int permittedAbove(long iova) {
    boolean isRestricted =
        Long.compareUnsigned(iova, restrictedFirst) >= 0
            && Long.compareUnsigned(iova, restrictedLast) <= 0;
    return isRestricted ? restrictedAccess : Access.READ_WRITE;
  }

  /** Whether a directory permits less than its leaves. */
  boolean isRestricted() {
    return restrictedAccess != Access.READ_WRITE;
  }

  /** Sets what the directory around an address, in the table of a level, permits. */
  void restrict(long iova, int level, int access) {
    long at = table.root();
    for (int above = table.levels(); above > level; above--) {
      at = AmdV1.LINUX.tablePaddr(pages.loadAcquire(slotAt(at, Geometry.index(iova, above))));
    }
    long slot = slotAt(at, Geometry.index(iova, level));
    pages.storeRelease(slot, AmdV1.LINUX.withPermissions(pages.loadAcquire(slot), access));
    long mask = Geometry.offsetMask(Geometry.entryLog2(level));
    restrictedFirst = iova & ~mask;
    restrictedLast = iova | mask;
    restrictedAccess = access;
  }

  /** Gives everything back, with no device on the table any more. */
  void close() {
    gather.complete();
    table.close();
  }
}
