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
 * <p>Host tables ("v1"), guest tables ("v2", if {@link IommuConfig#withGuestTables} announces them)
 * and guest over host tables. Page requests and interrupt remapping are not modelled, and the
 * features do not announce them.
 *
 * <p>AMD 48882; the order of checks is that of the specification's DMA flow.
 */
public final class Iommu {
  private static final int DOMAINS = 1 << 16;
  private static final int LARGE_LOG2 = 21;

  private final PhysicalMemory memory;
  private final RegisterFile registers;
  private final Statistics statistics = new Statistics();
  private final RequestFault fault = new RequestFault();
  private final FaultLog faults;
  private final DeviceTable devices;
  private final Admission admission;
  private final Iotlb iotlb;
  private final @Nullable ReplacementWatch watch;
  private final HostStage host;
  private final GuestStage guest;
  private final CommandProcessor commands;
  private final int[] asids = new int[DOMAINS];
  private final @Nullable ReverseMap rmp;
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
    this.commandsOnTailWrite = config.commandsOnTailWrite();
    long snp = rmp == null ? 0 : Register.FEATURE_SNP;
    this.registers = new RegisterFile((config.features() & ~Register.FEATURE_SNP) | snp);
    EventLog events = new EventLog(memory, registers, statistics);
    this.faults = new FaultLog(fault, events, statistics);
    this.devices = new DeviceTable(memory, registers, statistics);
    this.admission = new Admission(registers, devices, fault, faults, statistics);
    this.iotlb = new Iotlb(config, rmp != null);
    DirectoryCache directories = new DirectoryCache(config);
    this.watch = config.strict() ? new ReplacementWatch(memory, statistics) : null;
    long encryption = config.encryptionBit();
    HostWalker hostWalker =
        new HostWalker(
            memory, encryption, iotlb, directories, rmp, watch, asids, fault, statistics);
    ReverseMap rmpOnHit = config.rmpCheckedOnHit() ? rmp : null;
    this.host = new HostStage(iotlb, hostWalker, rmpOnHit, fault, statistics);
    GuestWalker guestWalker =
        new GuestWalker(memory, encryption, iotlb, directories, host, fault, statistics);
    this.guest =
        new GuestStage(iotlb, guestWalker, host, config.guestAddresses(), fault, statistics);
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
   * Translates one request of a device without PASID, which does not cross a 4 KiB boundary. A
   * refusal is logged.
   *
   * @param deviceId 0 to 0xffff
   * @param iova any address
   * @param write whether the device writes
   * @return a system physical address or an {@link Outcome}
   */
  public long translate(int deviceId, long iova, boolean write) {
    DeviceContext device = admission.admit(deviceId, iova, write);
    if (device == null) {
      return admission.outcome();
    }
    if (rmp == null && registers.isExcluded(iova, device.exclusion)) {
      return admission.untranslated(iova);
    }
    if ((device.permissions & (write ? Permission.WRITE : Permission.READ)) == 0) {
      return refuse(device, Event.IO_PAGE_FAULT, Choices.DEVICE_PERMISSION_FLAGS, iova, write);
    }
    if (device.kind == DeviceContext.HOST_TABLE) {
      return reported(device, host.translate(device, iova, write));
    }
    return switch (device.kind) {
      case DeviceContext.NO_TABLE -> admission.untranslated(iova);
      case DeviceContext.BAD_MODE -> badMode(device, iova, write);
      default -> {
        int flags = write ? Request.WRITE : Request.READ;
        yield reported(device, guest.translate(device, Request.NO_PASID, iova, flags));
      }
    };
  }

  /**
   * Translates one request of a device, with or without PASID, which does not cross a 4 KiB
   * boundary. A refusal is logged.
   *
   * @param deviceId 0 to 0xffff
   * @param pasid 0 to 0xfffff, or {@link Request#NO_PASID}; without one only whether it writes
   *     counts
   * @param address of the process that the PASID names, sign-extended; else any I/O virtual address
   * @param flags as in {@link Request}
   * @return a system physical address or an {@link Outcome}
   */
  public long translate(int deviceId, int pasid, long address, int flags) {
    boolean write = Request.isWrite(flags);
    if (pasid == Request.NO_PASID) {
      return translate(deviceId, address, write);
    }
    DeviceContext device = admission.admit(deviceId, address, write);
    if (device == null) {
      return admission.outcome();
    }
    if ((device.permissions & (write ? Permission.WRITE : Permission.READ)) == 0) {
      return refuse(device, Event.IO_PAGE_FAULT, Choices.DEVICE_PERMISSION_FLAGS, address, write);
    }
    return device.kind == DeviceContext.BAD_MODE
        ? badMode(device, address, write)
        : reported(device, guest.translate(device, pasid, address, flags));
  }

  private long badMode(DeviceContext device, long iova, boolean write) {
    return refuse(device, Choices.BAD_MODE_CODE, Choices.BAD_MODE_FLAGS, iova, write);
  }

  private long refuse(DeviceContext device, int code, int flags, long iova, boolean write) {
    return reported(device, fault.set(code, flags | (write ? Event.RW : 0), iova));
  }

  private long reported(DeviceContext device, long outcome) {
    if (outcome < 0) {
      faults.report(device.deviceId, device);
    }
    return outcome;
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
