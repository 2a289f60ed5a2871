package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
import dev.cleave.hwmodel.rmp.RmpInstructions;
import dev.cleave.hwmodel.rmp.RmpResult;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * An AMD-Vi IOMMU. Software sees its registers and the memory it shares with it; devices ask it to
 * translate.
 *
 * <p>Registers may be read and written by any thread. {@link #translate} and {@link
 * #processCommands} are the hardware's and belong to one thread at a time: either that of the
 * caller, who then does everything in turn, or one that holds {@link #dmaGate} while it works. With
 * {@link IommuConfig#commandsOnTailWrite} a register write does the hardware's work too.
 *
 * <p>Host tables only: guest tables (v2), page requests and interrupt remapping are not modelled,
 * and the features do not announce them.
 *
 * <p>AMD 48882; the order of checks is that of the specification's DMA flow.
 */
public final class Iommu {
  private static final long INTERRUPT_WINDOW = 0xfeeL;
  private static final int INTERRUPT_WINDOW_LOG2 = 20;
  private static final int DOMAINS = 1 << 16;
  private static final int SPA_BITS = 52;
  private static final int LARGE_LOG2 = 21;

  private final PhysicalMemory memory;
  private final RegisterFile registers;
  private final Statistics statistics = new Statistics();
  private final EventLog events;
  private final DeviceTable devices;
  private final Iotlb iotlb;
  private final DirectoryCache directories;
  private final @Nullable ReplacementWatch watch;
  private final HostWalker walker;
  private final CommandProcessor commands;
  private final RequestFault fault = new RequestFault();
  private final int[] asids = new int[DOMAINS];
  private final @Nullable ReverseMap rmp;
  private final @Nullable ReverseMap rmpOnHit;
  private final boolean commandsOnTailWrite;
  private final ReentrantLock gate = new ReentrantLock(true);

  /**
   * An IOMMU without RMP checks.
   *
   * @param memory what it and the devices see
   * @param config what it is like
   */
  public Iommu(PhysicalMemory memory, IommuConfig config) {
    this(memory, config, null);
  }

  /**
   * An IOMMU, disabled until software enables it.
   *
   * @param memory what it and the devices see
   * @param config what it is like
   * @param rmp who owns which page; null for no SNP
   */
  public Iommu(PhysicalMemory memory, IommuConfig config, @Nullable ReverseMap rmp) {
    this.memory = memory;
    this.rmp = rmp;
    this.rmpOnHit = config.rmpCheckedOnHit() ? rmp : null;
    this.commandsOnTailWrite = config.commandsOnTailWrite();
    long snp = rmp == null ? 0 : Register.FEATURE_SNP;
    this.registers = new RegisterFile((config.features() & ~Register.FEATURE_SNP) | snp);
    this.events = new EventLog(memory, registers, statistics);
    this.devices = new DeviceTable(memory, registers, statistics);
    this.iotlb = new Iotlb(config, rmp != null);
    this.directories = new DirectoryCache(config);
    this.watch = config.strict() ? new ReplacementWatch(memory, statistics) : null;
    this.walker =
        new HostWalker(
            memory,
            config.encryptionBit(),
            iotlb,
            directories,
            rmp,
            watch,
            asids,
            fault,
            statistics);
    this.commands =
        new CommandProcessor(
            memory, registers, devices, iotlb, directories, watch, events, statistics);
  }

  /**
   * Reads a register.
   *
   * @param offset as in {@link Register}
   * @return its 8 bytes; 0 if there is none
   */
  public long readMmio(long offset) {
    return registers.read(offset);
  }

  /**
   * Writes a register.
   *
   * @param offset as in {@link Register}; where there is none, nothing happens
   * @param value its 8 bytes
   */
  public void writeMmio(long offset, long value) {
    registers.write(offset, value);
    if (commandsOnTailWrite && (offset == Register.COMMAND_TAIL || offset == Register.CONTROL)) {
      processCommands(Integer.MAX_VALUE);
    }
  }

  /**
   * Whether the write of the command tail runs the commands.
   *
   * @return what the configuration says
   */
  public boolean runsCommandsOnTailWrite() {
    return commandsOnTailWrite;
  }

  /**
   * Carries out commands that wait in the ring.
   *
   * @param limit the most
   * @return how many were done
   */
  public int processCommands(int limit) {
    return commands.process(limit);
  }

  /**
   * Lets devices of a domain touch the private pages of a guest, whose guest physical addresses are
   * the domain's I/O virtual addresses. Stands for the secure device table, which is not modelled.
   *
   * @param domainId 0 to 0xffff
   * @param asid the guest, or 0 to take it back
   */
  public void trustDomain(int domainId, int asid) {
    asids[domainId] = asid;
  }

  /**
   * Gives a device a cache of its own. Its device table entry must have I set for commands to reach
   * it; a device without one has nothing to drop and answers at once.
   *
   * @param deviceId 0 to 0xffff
   * @param cache what the device holds
   */
  public void attachCache(int deviceId, DeviceCache cache) {
    devices.attachCache(deviceId, cache);
  }

  /**
   * What it counted.
   *
   * @return the counts, which go on changing
   */
  public Statistics statistics() {
    return statistics;
  }

  /**
   * What must be held to do the hardware's work while other threads may do some too.
   *
   * @return a fair, reentrant lock
   */
  public Lock dmaGate() {
    return gate;
  }

  /**
   * Translates one request of a device, which does not cross a 4 KiB boundary. A refusal is logged.
   *
   * @param deviceId 0 to 0xffff
   * @param iova any address
   * @param write whether the device writes
   * @return a system physical address or an {@link Outcome}
   */
  public long translate(int deviceId, long iova, boolean write) {
    statistics.requests++;
    if (!registers.isEnabled()) {
      return untranslated(iova);
    }
    DeviceContext device = devices.cached(deviceId);
    if (device == null) {
      device = readDevice(deviceId, iova, write);
      if (device == null) {
        return -fault.code;
      }
    }
    if (iova >>> INTERRUPT_WINDOW_LOG2 == INTERRUPT_WINDOW) {
      return interrupt(device, iova, write);
    }
    if (device.kind < DeviceContext.NO_TABLE) {
      return withoutTranslation(device, iova, write);
    }
    if (rmp == null && registers.isExcluded(iova, device.exclusion)) {
      return untranslated(iova);
    }
    int permission = write ? Permission.WRITE : Permission.READ;
    if ((device.permissions & permission) == 0) {
      return pageFault(device, Choices.DEVICE_PERMISSION_FLAGS, iova, write);
    }
    if (device.kind != DeviceContext.HOST_TABLE) {
      return device.kind == DeviceContext.NO_TABLE
          ? untranslated(iova)
          : refuse(device, Choices.BAD_MODE_CODE, Choices.BAD_MODE_FLAGS, iova, write);
    }
    if ((iova & device.beyondTable) != 0) {
      return pageFault(device, Choices.TOO_WIDE_FLAGS, iova, write);
    }
    long translation = iotlb.find(device.tag, iova);
    if (translation == 0) {
      statistics.iotlbMisses++;
      return walk(device, iova, write);
    }
    int needed = write ? device.neededToWrite : device.neededToRead;
    if ((translation & needed) == needed) {
      return hit(device, translation, iova, write);
    }
    if ((translation & permission) == 0) {
      // A cached translation that forbids it is an answer: only an invalidation changes it.
      statistics.iotlbHits++;
      return pageFault(device, Event.PR | Event.PE, iova, write);
    }
    statistics.markWalks++;
    return walk(device, iova, write);
  }

  private long hit(DeviceContext device, long translation, long iova, boolean write) {
    statistics.iotlbHits++;
    long paddr = Iotlb.output(translation, iova);
    if (rmpOnHit != null) {
      boolean large = Iotlb.log2(translation) >= LARGE_LOG2;
      long refused = walker.checkRmp(rmpOnHit, device, iova, paddr, large, write);
      if (refused != 0) {
        report(device.deviceId, device);
        return refused;
      }
    }
    return paddr;
  }

  private long walk(DeviceContext device, long iova, boolean write) {
    long outcome = walker.walk(device, iova, write);
    if (outcome < 0) {
      report(device.deviceId, device);
    }
    return outcome;
  }

  /** Reads a device table entry; null after a refusal, which is logged. */
  private @Nullable DeviceContext readDevice(int deviceId, long iova, boolean write) {
    int rw = write ? Event.RW : 0;
    int interrupt = iova >>> INTERRUPT_WINDOW_LOG2 == INTERRUPT_WINDOW ? Event.I : 0;
    if (!devices.holds(deviceId)) {
      fault.set(
          Choices.BEYOND_TABLE_CODE, Choices.BEYOND_TABLE_FLAGS | rw, Choices.BEYOND_TABLE_ADDRESS);
      report(deviceId, null);
      return null;
    }
    DeviceContext device = devices.read(deviceId);
    if (device == null) {
      fault.set(
          Event.DEV_TAB_HARDWARE_ERROR,
          Event.MASTER_ABORT | rw | interrupt,
          devices.entryAddress(deviceId));
      report(deviceId, null);
    }
    return device;
  }

  private long withoutTranslation(DeviceContext device, long iova, boolean write) {
    int rw = write ? Event.RW : 0;
    return switch (device.kind) {
      case DeviceContext.UNTRANSLATED -> untranslated(iova);
      case DeviceContext.BLOCKED -> pageFault(device, 0, iova, write);
      default -> {
        int rz = device.kind == DeviceContext.ILLEGAL_RESERVED ? Event.RZ : 0;
        long outcome = fault.set(Event.ILLEGAL_DEV_TABLE_ENTRY, rz | rw, iova & ~3L);
        report(device.deviceId, null);
        yield outcome;
      }
    };
  }

  private long untranslated(long iova) {
    statistics.untranslated++;
    return iova >>> SPA_BITS == 0 ? iova : Outcome.NO_SUCH_ADDRESS;
  }

  /** The interrupt window is never memory: IV, not V, governs it, and it can only be written. */
  private long interrupt(DeviceContext device, long iova, boolean write) {
    statistics.interruptMessages++;
    if (!write) {
      return invalidRequest(device, Choices.INTERRUPT_READ_TYPE, iova, false);
    }
    boolean forbidden =
        device.interruptsValid
            && device.interruptControl != DeviceTableEntry.INTERRUPT_FORWARD
            && device.interruptControl != DeviceTableEntry.INTERRUPT_REMAP;
    return forbidden
        ? invalidRequest(device, Choices.INTERRUPT_FORBIDDEN_TYPE, iova, true)
        : Outcome.INTERRUPT;
  }

  private long invalidRequest(DeviceContext device, int type, long iova, boolean write) {
    long outcome =
        fault.set(
            Event.INVALID_DEVICE_REQUEST, Event.requestType(type) | (write ? Event.RW : 0), iova);
    report(device.deviceId, null);
    return outcome;
  }

  private long pageFault(DeviceContext device, int flags, long iova, boolean write) {
    return refuse(device, Event.IO_PAGE_FAULT, flags, iova, write);
  }

  private long refuse(DeviceContext device, int code, int flags, long iova, boolean write) {
    long outcome = fault.set(code, flags | (write ? Event.RW : 0), iova);
    report(device.deviceId, device);
    return outcome;
  }

  /** Logs the fault unless the device table entry suppresses page faults. */
  private void report(int deviceId, @Nullable DeviceContext device) {
    int domainId = 0;
    if (device != null) {
      if (fault.code == Event.IO_PAGE_FAULT) {
        if (device.suppressAll || (device.suppressRepeated && device.logged)) {
          statistics.eventsSuppressed++;
          return;
        }
        device.logged = true;
      }
      // An RMP fault has the VM tag there, whose meaning is not known.
      boolean tagged = fault.code == Event.RMP_PAGE_FAULT || fault.code == Event.RMP_HW_ERROR;
      domainId = tagged ? 0 : device.domainId;
    }
    events.append(Event.firstWord(fault.code, deviceId, domainId, fault.flags), fault.address);
  }

  /**
   * PSMASH_IO: while all DMA is stalled, smashes a 2 MiB RMP entry and puts a directory where the 2
   * MiB leaf was, so that no device ever sees one without the other. What the IOTLB held of the
   * page is dropped; A and D of the leaf go to all new entries.
   *
   * @param spa the page, 2 MiB-aligned
   * @param table a table of 512 entries that translate the page, 4 KiB-aligned
   * @param entryAddress where the leaf stands, 8-byte aligned
   * @return what PSMASH returned; unless it is success nothing changed
   * @throws IllegalStateException without an RMP
   * @throws dev.cleave.hwmodel.memory.PhysicalMemoryFault if table or entry lie in a hole
   */
  public int psmashIo(long spa, long table, long entryAddress) {
    if (rmp == null) {
      throw new IllegalStateException("PSMASH_IO needs an RMP");
    }
    gate.lock();
    long begin = System.nanoTime();
    try {
      long old = memory.getLong(entryAddress);
      int result = new RmpInstructions(rmp).psmash(spa);
      if (result == RmpResult.SUCCESS) {
        long marks = old & Choices.SMASHED_MARKS;
        for (long at = table; at < table + 4096 && marks != 0; at += Long.BYTES) {
          memory.getAndOrLong(at, marks);
        }
        memory.setLong(entryAddress, HostEntry.directory(table, 1));
        if (watch != null) {
          watch.exchanged(entryAddress);
        }
        statistics.iotlbDropped += iotlb.invalidateOutput(spa, LARGE_LOG2);
      }
      return result;
    } finally {
      statistics.stallNanos += System.nanoTime() - begin;
      gate.unlock();
    }
  }
}
