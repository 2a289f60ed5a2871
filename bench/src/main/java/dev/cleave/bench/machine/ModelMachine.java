package dev.cleave.bench.machine;

import static dev.cleave.engine.format.Geometry.PAGE_BYTES;
import static dev.cleave.engine.format.Geometry.REGION_BYTES;

import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.io.WorkFailed;
import dev.cleave.engine.IotlbFlush;
import dev.cleave.engine.IotlbGather;
import dev.cleave.engine.PageTable;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.memory.NativePages;
import dev.cleave.hwmodel.dma.Addressing;
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

  /** Devices of each kind in each address space; those of a space share one domain. */
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
  private static final long MIGRATION_RING = CONTROL_BASE + (4L << 20);
  private static final long CONTROL_BYTES = 6L << 20;
  private static final long RMP_BASE = MEMORY_END;
  private static final int RING_LENGTH_SHIFT = 56;
  private static final int COMMANDS_LOG2 = 8;
  private static final int EVENTS_LOG2 = 15;
  private static final int COMMAND_RING_BYTES = IommuCommand.BYTES << COMMANDS_LOG2;

  private final Arena arena = Arena.ofShared();
  private final PhysicalMemory memory = new PhysicalMemory();
  private final Iommu iommu;
  private final @Nullable ReverseMap rmp;

  /** Where the firmware's page about the guest lies. */
  private final long context;

  private final GuestFrames frames;

  /** Whether devices' accesses are noted in the tables, by A and D. */
  private final boolean hasMarks;

  private final @Nullable MigrationRing migration;
  private final Devices devices;
  private final List<DeviceMemory> memories;
  private final List<@Nullable GuestDeviceTable> deviceTables = new ArrayList<>();
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
   * @param hasRmp whether the IOMMU checks an RMP; its pages are at first the hypervisor's. Without
   *     one no device is trusted
   * @param devices which devices there are
   * @param spaces the address spaces, in the order in which they are attached
   */
  public ModelMachine(
      GuestRam ram,
      GuestFrames frames,
      List<TableMemory> tables,
      boolean hasRmp,
      Devices devices,
      List<Space> spaces) {
    this(ram.pieces(), ram.spaEnd(), frames, tables, hasRmp, false, devices, spaces);
  }

  /**
   * A machine whose IOMMU runs and notes in the tables what devices access (HAD = 3), and in which
   * nobody keeps what they move: guest memory has addresses and no bytes. With an RMP there are
   * untrusted devices and trusted ones.
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
        true,
        hasRmp
            ? new Devices(List.of(DeviceKind.UNTRUSTED, DeviceKind.TRUSTED), 0)
            : Devices.UNTRUSTED,
        List.of());
  }

  private ModelMachine(
      List<PhysicalMemory.Piece> ram,
      long spaEnd,
      GuestFrames frames,
      List<TableMemory> tables,
      boolean hasRmp,
      boolean hasMarks,
      Devices devices,
      List<Space> spaces) {
    this.frames = frames;
    this.hasMarks = hasMarks;
    this.devices = devices;
    this.memories = spaces.stream().map(Space::memory).toList();
    memory.addAll(ram);
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
    IommuConfig config = IommuConfig.standard();
    boolean haveTables = devices.has(DeviceKind.GUEST_TABLE);
    iommu = new Iommu(memory, haveTables ? config.withGuestTables() : config, rmp);
    context = spaEnd;
    if (rmp == null) {
      migration = null;
    } else {
      createGuest(rmp);
      migration = new MigrationRing(iommu.migration(), memory, MIGRATION_RING);
    }
    for (Space space : spaces) {
      deviceTables.add(haveTables && space.place != null ? deviceTable(space, space.place) : null);
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

  /** The guest's own table for the devices of a space. */
  private GuestDeviceTable deviceTable(Space space, Extent place) {
    int domain = FIRST_DOMAIN + deviceTables.size();
    GuestDeviceTable table =
        new GuestDeviceTable(
            place,
            memory,
            arena,
            (iova, sizeLog2) ->
                submit(IommuCommand.invalidateGuestPages(domain, 0, iova, sizeLog2)));
    space.memory.lead(table);
    return table;
  }

  /** Gives the trusted devices of a space to the guest, which has them work as their kind does. */
  private void trustDevices(int space) {
    for (DeviceKind kind : devices.kinds()) {
      if (isThere(space, kind) && kind.isTrusted()) {
        for (int i = 0; i < DEVICES; i++) {
          trust(deviceId(space, kind, i), space, kind);
        }
      }
    }
  }

  private void trust(int device, int space, DeviceKind kind) {
    TioFirmware firmware = iommu.firmware();
    TdiBinding binding = TdiBinding.of(FIRST_DOMAIN + space);
    GuestDeviceTable table = kind == DeviceKind.GUEST_TABLE ? deviceTables.get(space) : null;
    if (table != null) {
      binding = binding.withTables(table.description());
    }
    long access = SecureDeviceEntry.VALID | SecureDeviceEntry.READ | SecureDeviceEntry.WRITE;
    long vTom = kind == DeviceKind.VTOM ? devices.vTom() : -1;
    firmware.connect(device, 0, 0, 0, 0);
    firmware.bind(device, context, binding);
    require(firmware.writeEntry(ASID, device, SecureDeviceEntry.request(access, 0, vTom)));
  }

  /** Whether a space has devices of a kind: a guest without room for a table has none. */
  boolean isThere(int space, DeviceKind kind) {
    return kind != DeviceKind.GUEST_TABLE || deviceTables.get(space) != null;
  }

  private static void require(int status) {
    if (status != 0) {
      throw new WorkFailed(
          "the model's firmware refused to set up a device, status %d".formatted(status));
    }
  }

  /**
   * Whether a page is private at this moment.
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
   * One request in the first address space for a page as it is at this moment: of a trusted device
   * for a private page, else of one that is not trusted.
   *
   * @param gpa any address
   * @param isWrite whether it writes
   * @return a system physical address or an outcome of the IOMMU
   */
  public long translate(long gpa, boolean isWrite) {
    DeviceKind kind = isPrivate(gpa) ? DeviceKind.TRUSTED : DeviceKind.UNTRUSTED;
    int flags = (isWrite ? Request.WRITE : Request.READ) | (kind.isTrusted() ? Request.TRUSTED : 0);
    return iommu.translate(deviceId(0, kind, 0), Request.NO_PASID, gpa, flags);
  }

  /**
   * How the devices of a kind ask for pages, as these are at the moment.
   *
   * @param space number of the space
   */
  Addressing addressing(int space, DeviceKind kind) {
    return switch (kind) {
      case UNTRUSTED -> Addressing.UNTRUSTED;
      case TRUSTED, GUEST_TABLE -> Addressing.TRUSTED;
      case VTOM -> new ByVTom(memories.get(space), devices.vTom());
    };
  }

  /** Private pages below vTOM, shared ones above. */
  private record ByVTom(DeviceMemory memory, long vTom) implements Addressing {
    @Override
    public long iova(long gpa) {
      return memory.isShared(gpa) ? vTom + gpa : gpa;
    }

    @Override
    public boolean isTrusted(long gpa) {
      return true;
    }
  }

  /**
   * A request that the devices of a kind must not make: for a page of the state that is not theirs,
   * or for a page in the way that is the other state's.
   *
   * @param device one of the kind's
   * @param gpa any address of guest memory
   * @param isShared whether its page is shared
   * @param isWrite whether the device writes
   * @return a system physical address or an outcome of the IOMMU
   */
  long forbidden(int device, DeviceKind kind, long gpa, boolean isShared, boolean isWrite) {
    int access = isWrite ? Request.WRITE : Request.READ;
    int trusted = access | Request.TRUSTED;
    return switch (kind) {
      case UNTRUSTED, GUEST_TABLE -> iommu.translate(device, Request.NO_PASID, gpa, access);
      case TRUSTED -> iommu.translate(device, Request.NO_PASID, gpa, trusted);
      case VTOM ->
          iommu.translate(device, Request.NO_PASID, isShared ? gpa : devices.vTom() + gpa, trusted);
    };
  }

  /**
   * An address space.
   *
   * @param memory what its devices use
   * @param place where a table of the guest's own has room, as paddr by gpa; null for nowhere
   */
  public record Space(DeviceMemory memory, @Nullable Extent place) {}

  /** An address space's table, and its top as devices know it. */
  private static final class Attachment {
    private final PageTable table;
    private long top;

    Attachment(PageTable table) {
      this.table = table;
    }
  }

  /**
   * The requester id of a device.
   *
   * @param space number of its address space, in the order of {@link #attach}
   * @param number of the device among those of its kind there, 0 to {@link #DEVICES} - 1
   */
  public static int deviceId(int space, DeviceKind kind, int number) {
    return ((space * DeviceKind.COUNT + kind.number()) * DEVICES + number + 1) * FUNCTIONS;
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
    for (DeviceKind kind : devices.kinds()) {
      if (isThere(space, kind)) {
        // Beside a secure entry the domain is reserved.
        int domain = kind.isTrusted() ? 0 : FIRST_DOMAIN + space;
        DeviceTableEntry entry =
            DeviceTableEntry.v1(PageTable.root(top), PageTable.levels(top), domain);
        if (hasMarks) {
          entry = entry.withStatusUpdates();
        }
        for (int i = 0; i < DEVICES; i++) {
          write(deviceId(space, kind, i), entry);
        }
      }
    }
    awaitCompletion();
  }

  private void write(int device, DeviceTableEntry entry) {
    long at = DeviceTableEntry.paddrOf(DEVICE_TABLE, device);
    memory.setLong(at + 3 * Long.BYTES, entry.q3());
    memory.setLong(at + 2 * Long.BYTES, entry.q2());
    memory.setLong(at + Long.BYTES, entry.q1());
    memory.setLong(at, entry.q0());
    submit(IommuCommand.invalidateDeviceTableEntry(device));
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

  /**
   * PSMASH_IO: replaces a leaf and a 2 MiB RMP entry in one step.
   *
   * @param spa of the page, which is the guest's
   * @param slot where its leaf is
   * @param table of the leaves that shall take its place
   */
  void exchange(long spa, long slot, long table) {
    if (migration == null) {
      throw new IllegalStateException("PSMASH_IO needs an RMP");
    }
    migration.psmash(spa, table, slot, context);
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
    for (GuestDeviceTable table : deviceTables) {
      if (table != null) {
        table.close();
      }
    }
    arena.close();
  }
}
