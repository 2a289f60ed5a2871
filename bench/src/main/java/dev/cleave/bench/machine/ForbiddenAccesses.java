package dev.cleave.bench.machine;

import dev.cleave.engine.format.Access;
import dev.cleave.hwmodel.dma.IovaRanges;
import dev.cleave.hwmodel.iommu.Outcome;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Accesses that the devices of one kind must not make, to see whether they succeed: what was
 * reached is told by its content. Nothing is written, whatever is asked for.
 *
 * <p>Not thread-safe.
 */
final class ForbiddenAccesses {
  private static final long BEYOND_ALL = -1;

  /** Makes a request as {@link ModelMachine#forbidden} does. */
  interface Requester {
    /** Returns a system physical address or an outcome of the IOMMU. */
    long request(int device, DeviceKind kind, long gpa, boolean isShared, boolean isWrite);
  }

  private final DeviceKind kind;
  private final List<DeviceMemory> memories;
  private final ModelMachine machine;
  private final Requester requester;
  private final DeviceMemory.Choice targets;
  private final Random random;
  private final long[] generations;
  private final @Nullable IovaRanges[] ranges;
  private long tried;
  private long beside;
  private long leaked;

  /** Accesses, none yet. */
  ForbiddenAccesses(DeviceKind kind, List<DeviceMemory> memories, ModelMachine machine, long seed) {
    this(kind, memories, machine, machine::forbidden, seed);
  }

  /** Accesses, none yet, that are made in a way of their own. */
  ForbiddenAccesses(
      DeviceKind kind,
      List<DeviceMemory> memories,
      ModelMachine machine,
      Requester requester,
      long seed) {
    this.kind = kind;
    this.requester = requester;
    this.memories = memories;
    this.machine = machine;
    this.random = new Random(seed);
    // Who may use both asks for them in the wrong way.
    this.targets =
        new DeviceMemory.Choice(
            !kind.usesShared() || kind == DeviceKind.VTOM,
            !kind.usesPrivate() || kind != DeviceKind.TRUSTED,
            BEYOND_ALL);
    this.generations = new long[memories.size()];
    this.ranges = new IovaRanges[memories.size()];
    Arrays.fill(generations, -1);
  }

  /** Tries until it has been tried so often, in the spaces in turn. */
  void runUntil(long until) {
    for (int space = 0, idle = 0; tried < until && idle < memories.size(); ) {
      DeviceMemory memory = memories.get(space);
      if (generations[space] != memory.generation()) {
        generations[space] = memory.generation();
        ranges[space] = memory.ranges(targets, Access.READ);
      }
      idle = attempt(space, ranges[space]) ? 0 : idle + 1;
      space = (space + 1) % memories.size();
    }
  }

  /** Tries once in a region. */
  void visit(int space, long region) {
    var _ = attempt(space, memories.get(space).ranges(targets, region));
  }

  private boolean attempt(int space, @Nullable IovaRanges from) {
    if (from == null || !machine.isThere(space, kind)) {
      return false;
    }
    long gpa = from.iova(random.nextLong(from.bytes() / Long.BYTES) * Long.BYTES);
    DeviceMemory memory = memories.get(space);
    int device = ModelMachine.deviceId(space, kind, 0);
    long spa = requester.request(device, kind, gpa, memory.isShared(gpa), random.nextBoolean());
    tried++;
    if (Outcome.isAddress(spa)) {
      PhysicalMemory all = machine.memory();
      boolean isThePage = all.isBacked(spa) && all.getLong(spa) == memory.word(gpa);
      leaked += isThePage ? 1 : 0;
      beside += isThePage ? 0 : 1;
    }
    return true;
  }

  long tried() {
    return tried;
  }

  /** Those that reached other memory. */
  long beside() {
    return beside;
  }

  /** Those that reached the page. */
  long leaked() {
    return leaked;
  }
}
