package dev.cleave.bench.machine;

import java.util.List;

/**
 * Devices in each address space that move data through the IOMMU and look whether it is the right
 * data: some of each kind, on the same tables. While a region changes they turn to it, since that
 * is where something can go wrong.
 *
 * <p>The sequence of accesses depends on the log and the seed alone, so every policy meets the
 * same, as far as it gives devices the same memory.
 */
public final class DeviceLoad {
  /** Kinds take turns after so many accesses. */
  private static final int TURN_ACCESSES = 64;

  private final ModelMachine machine;
  private final List<KindLoad> kinds;

  /**
   * Devices of a machine.
   *
   * @param memories what they use, for each address space, in the order in which the machine was
   *     told of their tables
   * @param machine what translates for them
   * @param kinds which there are
   * @param givesPrivate whether tables are to lead to private pages
   * @param seed what their sequence depends on
   */
  public DeviceLoad(
      List<DeviceMemory> memories,
      ModelMachine machine,
      List<DeviceKind> kinds,
      boolean givesPrivate,
      long seed) {
    this.machine = machine;
    this.kinds =
        kinds.stream()
            .map(kind -> new KindLoad(kind, memories, machine, givesPrivate, seed))
            .toList();
  }

  /**
   * Devices go about their work, in turns, as long as there is memory for one of them.
   *
   * @param until how many accesses there shall have been in all, at least, of each kind in turn; of
   *     all kinds alike if there is one number
   */
  public void runUntil(long... until) {
    boolean isAnyLeft = true;
    while (isAnyLeft) {
      isAnyLeft = false;
      for (int i = 0; i < kinds.size(); i++) {
        KindLoad kind = kinds.get(i);
        long wanted = until[until.length == 1 ? 0 : i];
        long next = Math.min(wanted, kind.accesses() + TURN_ACCESSES);
        isAnyLeft |= kind.runUntil(next, wanted) && next < wanted;
      }
    }
  }

  /**
   * Devices read at random in a region, if they use it at all.
   *
   * @param window what is happening to it
   * @param gpa any address of the region
   * @param count how many accesses of each kind in each space
   */
  public void visit(Window window, long gpa, int count) {
    kinds.forEach(kind -> kind.visit(window, gpa, count));
  }

  /**
   * What was measured.
   *
   * @param stallNanos time that devices were kept waiting
   */
  public DmaResult result(long stallNanos) {
    return new DmaResult(
        kinds.stream().map(KindLoad::result).toList(),
        machine.iommu().statistics().iotlbDropped,
        stallNanos);
  }
}
