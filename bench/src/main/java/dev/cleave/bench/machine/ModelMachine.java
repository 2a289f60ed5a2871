package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.io.WorkFailed;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.memory.NativePages;
import dev.cleave.hwmodel.iommu.Iommu;
import dev.cleave.hwmodel.iommu.IommuConfig;
import dev.cleave.hwmodel.iommu.Register;
import dev.cleave.hwmodel.iommu.Request;
import dev.cleave.hwmodel.iommu.SecureDeviceEntry;
import dev.cleave.hwmodel.iommu.TdiBinding;
import dev.cleave.hwmodel.iommu.TioFirmware;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpEntry;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpState;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An IOMMU with its device table, rings and RMP, over guest memory and one page table.
 *
 * <p>Software's side of it: attaches the table by a device table entry, flushes by commands and
 * waits for their completion in memory. One thread at a time.
 */
public final class ModelMachine implements IotlbFlush, AutoCloseable {
  /** Where table memory must begin: far above any guest. */
  public static final long TABLE_BASE = 1L << 50;

  /** Where the memory that devices use must end. */
  static final long MEMORY_END = TABLE_BASE - (1L << 44);

  /** Devices of each address space, which share one domain; with an RMP they are trusted ones. */
  static final int DEVICES = 3;

  /** Functions of a slot: each device has a slot to itself. */
  private static final int FUNCTIONS = 8;

  /** The domain of the first address space; others follow. */
  private static final int FIRST_DOMAIN = 1;

  private static final int ASID = 1;
  private static final long CONTROL_BASE = TABLE_BASE - (1L << 40);
  private static final long DEVICE_TABLE = CONTROL_BASE + (2L << 20);
  private static final long DEVICE_TABLE_PAGES = 512;
  private static final long COMMANDS = CONTROL_BASE + PAGE_BYTES;
  private static final long EVENTS = CONTROL_BASE + (1L << 20);
  private static final long COMPLETION = CONTROL_BASE + 2 * PAGE_BYTES;
  private static final long CONTROL_BYTES = 4L << 20;
  private static final long RMP_BASE = MEMORY_END;
  private static final int RING_LENGTH_SHIFT = 56;
  private static final int COMMANDS_LOG2 = 8;
  private static final int EVENTS_LOG2 = 15;
  private static final int COMMAND_RING_BYTES = IommuCommand.BYTES << COMMANDS_LOG2;

  private final Arena arena = Arena.ofShared();
  private final PhysicalMemory memory = new PhysicalMemory();
  private final Iommu iommu;
  private final GuestFrames frames;
  private final @Nullable ReverseMap rmp;

  /** Where the firmware's page about the guest lies. */
  private final long context;

  /** Whether devices' accesses are noted in the tables, by A and D. */
  private final boolean hasMarks;

  private final IotlbGather.BlockVisitor invalidate = this::invalidate;
  private final List<Attachment> attachments = new ArrayList<>();
  private int flushedDomain;
  private int tail;
  private long completions;

  /**
   * A machine whose IOMMU runs.
   *
   * @param ram what devices move
   * @param frames where the guest's pages lie, as long as it has an RMP
   * @param tables what holds page tables, all at or above {@link #TABLE_BASE}
   * @param hasRmp whether the IOMMU checks an RMP; its pages are at first the hypervisor's
   */
  public ModelMachine(GuestRam ram, GuestFrames frames, List<TableMemory> tables, boolean hasRmp) {
    this(ram.pieces(), ram.spaEnd(), frames, tables, hasRmp, false);
  }

  /**
   * A machine whose IOMMU runs and notes in the tables what devices access (HAD = 3), and in which
   * nobody keeps what they move: guest memory has addresses and no bytes.
   *
   * @param spaEnd where guest memory ends, at most 2^49
   * @param frames where the guest's pages lie
   * @param tables what holds page tables, at or above {@link #TABLE_BASE}
   * @param hasRmp whether the IOMMU checks an RMP; its pages are at first the hypervisor's
   * @return the machine
   */
  public static ModelMachine marking(
      long spaEnd, GuestFrames frames, TableMemory tables, boolean hasRmp) {
    return new ModelMachine(
        List.of(),
        (spaEnd + REGION_BYTES - 1) & -REGION_BYTES,
        frames,
        List.of(tables),
        hasRmp,
        true);
  }

  private ModelMachine(
      List<PhysicalMemory.Piece> pieces,
      long spaEnd,
      GuestFrames frames,
      List<TableMemory> tables,
      boolean hasRmp,
      boolean hasMarks) {
    this.frames = frames;
    this.hasMarks = hasMarks;
    memory.addAll(pieces);
    tables.forEach(table -> memory.add(table.base(), table.hardwareView()));
    memory.add(CONTROL_BASE, NativePages.reserve(CONTROL_BYTES, arena));
    if (hasRmp) {
      // one region more than the guest's, for its context
      long covered = spaEnd + REGION_BYTES;
      memory.add(RMP_BASE, NativePages.reserve(ReverseMap.tableBytes(covered), arena));
      rmp = new ReverseMap(memory, RMP_BASE, covered);
    } else {
      rmp = null;
    }
    iommu = new Iommu(memory, IommuConfig.standard(), rmp);
    context = spaEnd;
    if (rmp != null) {
      createGuest(rmp);
    }
    iommu.writeMmio(Register.DEVICE_TABLE_BASE, DEVICE_TABLE | (DEVICE_TABLE_PAGES - 1));
    iommu.writeMmio(Register.COMMAND_BASE, COMMANDS | (long) COMMANDS_LOG2 << RING_LENGTH_SHIFT);
    iommu.writeMmio(Register.EVENT_BASE, EVENTS | (long) EVENTS_LOG2 << RING_LENGTH_SHIFT);
    // With SNP these two are the range that completion waits may store to.
    iommu.writeMmio(Register.EXCLUSION_BASE, COMPLETION);
    iommu.writeMmio(Register.EXCLUSION_LIMIT, COMPLETION);
    iommu.writeMmio(
        Register.CONTROL,
        Register.CONTROL_ENABLE | Register.CONTROL_COMMANDS | Register.CONTROL_EVENT_LOG);
  }

  private void createGuest(ReverseMap map) {
    require(new RmpInstructions(map).rmpUpdate(context, 0, RmpState.assigned(0, false, true)));
    iommu.firmware().createGuest(context, ASID);
  }

  /** Gives a space's devices to the guest, all addresses private where requests are trusted. */
  private void trustDevices(int space) {
    TioFirmware firmware = iommu.firmware();
    long access = SecureDeviceEntry.VALID | SecureDeviceEntry.READ | SecureDeviceEntry.WRITE;
    for (int i = 0; i < DEVICES; i++) {
      int device = deviceId(space, i);
      firmware.connect(device, 0, 0, 0, 0);
      firmware.bind(device, context, TdiBinding.of(FIRST_DOMAIN + space));
      require(firmware.writeEntry(ASID, device, SecureDeviceEntry.request(access, 0, -1)));
    }
  }

  private static void require(int status) {
    if (status != 0) {
      throw new WorkFailed(
          "the model's firmware refused to set up a device, status %d".formatted(status));
    }
  }

  /**
   * Whether a page is private at this moment; then the guest has its devices make trusted requests
   * for it, else others.
   *
   * @param gpa any address
   * @return false without an RMP, and for a page that lies nowhere or where the RMP does not reach
   */
  public boolean isPrivate(long gpa) {
    if (rmp == null || !frames.holds(gpa)) {
      return false;
    }
    long spa = frames.spa(gpa);
    return Long.compareUnsigned(spa, context) < 0 && RmpEntry.isAssigned(rmp.entryOf(spa));
  }

  /**
   * One request of a device of the guest, trusted or not as the page is.
   *
   * @param device one of the machine's
   * @param gpa any address
   * @param isWrite whether it writes
   * @return a system physical address or an outcome of the IOMMU
   */
  public long translate(int device, long gpa, boolean isWrite) {
    int flags = (isWrite ? Request.WRITE : Request.READ) | (isPrivate(gpa) ? Request.TRUSTED : 0);
    return iommu.translate(device, Request.NO_PASID, gpa, flags);
  }

  /** An address space's table, and its top as devices know it. */
  private static final class Attachment {
    private final PageTable table;
    private long top;

    Attachment(PageTable table) {
      this.table = table;
    }
  }

  /** One of the devices of an address space, counted in the order of {@link #attach}. */
  public static int deviceId(int space, int device) {
    return (space * DEVICES + device + 1) * FUNCTIONS;
  }

  /**
   * Lets the devices of an address space use its table; to be called again when its top has
   * changed. A table that is new is that of a further space.
   */
  public void attach(PageTable table) {
    int space = spaceOf(table);
    if (space < 0) {
      space = attachments.size();
      attachments.add(new Attachment(table));
      if (rmp != null) {
        trustDevices(space);
      }
    }
    Attachment attachment = attachments.get(space);
    long top = table.top();
    if (top == attachment.top) {
      return;
    }
    attachment.top = top;
    DeviceTableEntry entry =
        DeviceTableEntry.v1(
            PageTable.root(top), PageTable.levels(top), rmp == null ? FIRST_DOMAIN + space : 0);
    if (hasMarks) {
      entry = entry.withStatusUpdates();
    }
    for (int i = 0; i < DEVICES; i++) {
      int device = deviceId(space, i);
      long at = DeviceTableEntry.paddrOf(DEVICE_TABLE, device);
      memory.setLong(at + 3 * Long.BYTES, entry.q3());
      memory.setLong(at + 2 * Long.BYTES, entry.q2());
      memory.setLong(at + Long.BYTES, entry.q1());
      memory.setLong(at, entry.q0());
      submit(IommuCommand.invalidateDeviceTableEntry(device));
    }
    awaitCompletion();
  }

  private int spaceOf(PageTable table) {
    for (int i = 0; i < attachments.size(); i++) {
      if (attachments.get(i).table == table) {
        return i;
      }
    }
    return -1;
  }

  @Override
  public void flush(PageTable table, IotlbGather gather) {
    flush(table, gather, Integer.MAX_VALUE);
  }

  /**
   * Flushes with few commands.
   *
   * @param mostCommands as {@link FlushBlocks} takes it
   */
  public void flush(PageTable table, IotlbGather gather, int mostCommands) {
    int space = spaceOf(table);
    if (space >= 0) {
      flushedDomain = FIRST_DOMAIN + space;
      FlushBlocks.forEach(gather, mostCommands, invalidate);
      awaitCompletion();
    }
  }

  private void invalidate(long iova, int sizeLog2) {
    submit(IommuCommand.invalidatePages(flushedDomain, iova, sizeLog2));
  }

  private void submit(IommuCommand command) {
    memory.setLong(COMMANDS + tail, command.q0());
    memory.setLong(COMMANDS + tail + Long.BYTES, command.q1());
    tail = (tail + IommuCommand.BYTES) % COMMAND_RING_BYTES;
    iommu.writeMmio(Register.COMMAND_TAIL, tail);
  }

  private void awaitCompletion() {
    long data = ++completions;
    submit(IommuCommand.completionWait(COMPLETION, data));
    long stored = memory.getLong(COMPLETION);
    if (stored != data) {
      throw new WorkFailed(
          "the IOMMU's model did not complete a wait: expected %d in memory, found %d"
              .formatted(data, stored));
    }
  }

  /** Forgets logged events, so that the log never fills. */
  public void drainEvents() {
    iommu.writeMmio(Register.EVENT_HEAD, iommu.readMmio(Register.EVENT_TAIL));
  }

  /** What translates. */
  public Iommu iommu() {
    return iommu;
  }

  /** All memory of the machine. */
  public PhysicalMemory memory() {
    return memory;
  }

  /** The RMP that it checks, if it does. */
  public @Nullable ReverseMap rmp() {
    return rmp;
  }

  /** The guest's address space identifier. */
  public static int asid() {
    return ASID;
  }

  @Override
  public void close() {
    arena.close();
  }
}
