package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;
import dev.cleave.hwmodel.rmp.ReverseMap;
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
 * and guest over host tables. With an RMP there are trusted devices beside the others, on the same
 * host tables: {@link TioFirmware} gives them to guests, and {@link Request#TRUSTED} is their
 * requests' mark. Page requests and interrupt remapping are not modelled, and the features do not
 * announce them.
 *
 * <p>AMD 48882; the order of checks is that of the specification's DMA flow.
 */
public final class Iommu {
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
  private final @Nullable TioFirmware firmware;
  private final @Nullable MigrationEngine migration;
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
    this.rmp = rmp;
    this.commandsOnTailWrite = config.commandsOnTailWrite();
    boolean hasTrustedIo = rmp != null && config.trustedIo().isAnnounced();
    long snp = rmp == null ? 0 : Register.FEATURE_SNP;
    this.registers =
        new RegisterFile(
            (config.features() & ~Register.FEATURE_SNP) | snp,
            hasTrustedIo ? Register.FEATURE2_TRUSTED_IO : 0);
    EventLog events = new EventLog(memory, registers, statistics);
    this.faults = new FaultLog(fault, events, statistics);
    SecureDeviceTable secure = new SecureDeviceTable();
    this.devices =
        new DeviceTable(
            memory, registers, statistics, secure, DeviceRules.of(config, registers.features()));
    this.admission =
        new Admission(
            registers, devices, fault, faults, statistics, config.refusesHyperTransport(), rmp);
    this.iotlb = new Iotlb(config, rmp != null);
    DirectoryCache directories = new DirectoryCache(config);
    this.watch = config.strict() ? new ReplacementWatch(memory, statistics) : null;
    long encryption = config.encryptionBit();
    HostWalker hostWalker =
        new HostWalker(memory, encryption, iotlb, directories, rmp, watch, fault, statistics);
    ReverseMap rmpOnHit = config.rmpCheckedOnHit() ? rmp : null;
    this.host = new HostStage(iotlb, hostWalker, rmpOnHit, fault, statistics);
    GuestWalker guestWalker = new GuestWalker(memory, iotlb, directories, host, fault, statistics);
    this.guest =
        new GuestStage(iotlb, guestWalker, host, config.guestAddresses(), fault, statistics);
    this.commands =
        new CommandProcessor(
            memory, registers, devices, iotlb, directories, watch, events, statistics);
    if (rmp == null) {
      this.firmware = null;
      this.migration = null;
    } else {
      this.firmware = new TioFirmware(rmp, secure, devices, hasTrustedIo, gate);
      PsmashIo psmash = new PsmashIo(memory, rmp, encryption, firmware, iotlb, watch, statistics);
      this.migration = new MigrationEngine(psmash, memory, rmp, encryption, statistics, gate);
    }
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
   * The firmware's part of trusted I/O.
   *
   * @return what writes the secure device table
   * @throws IllegalStateException without an RMP
   */
  public TioFirmware firmware() {
    if (firmware == null) {
      throw new IllegalStateException("guests and trusted I/O need an RMP");
    }
    return firmware;
  }

  /**
   * What exchanges a leaf and an RMP entry while all DMA waits.
   *
   * @return the engine that carries out PSMASH_IO
   * @throws IllegalStateException without an RMP
   */
  public MigrationEngine migration() {
    if (migration == null) {
      throw new IllegalStateException("PSMASH_IO needs an RMP");
    }
    return migration;
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
   * Translates one request of a device without PASID, not trusted, which does not cross a 4 KiB
   * boundary. A refusal is logged.
   *
   * @param deviceId 0 to 0xffff
   * @param iova any address
   * @param write whether the device writes
   * @return a system physical address or an {@link Outcome}
   */
  public long translate(int deviceId, long iova, boolean write) {
    return plain(deviceId, iova, write, false);
  }

  private long plain(int deviceId, long iova, boolean write, boolean isTrusted) {
    DeviceContext device = admission.admit(deviceId, iova, write, false, isTrusted);
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
      return reported(device, host.translate(device, iova, device.isPrivate(iova), write));
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
   * Translates one request of a device, with or without PASID, trusted or not, which does not cross
   * a 4 KiB boundary. A refusal is logged.
   *
   * @param deviceId 0 to 0xffff
   * @param pasid 0 to 0xfffff, or {@link Request#NO_PASID}; without one only whether it writes and
   *     whether it is trusted count
   * @param address of the process that the PASID names, sign-extended; else any I/O virtual address
   * @param flags as in {@link Request}
   * @return a system physical address or an {@link Outcome}
   */
  public long translate(int deviceId, int pasid, long address, int flags) {
    boolean write = Request.isWrite(flags);
    boolean isTrusted = Request.isTrusted(flags);
    if (pasid == Request.NO_PASID) {
      return plain(deviceId, address, write, isTrusted);
    }
    DeviceContext device = admission.admit(deviceId, address, write, true, isTrusted);
    if (device == null) {
      return admission.outcome();
    }
    if ((device.permissions & (write ? Permission.WRITE : Permission.READ)) == 0) {
      return refuse(device, Event.IO_PAGE_FAULT, Choices.DEVICE_PERMISSION_FLAGS, address, write);
    }
    return device.kind == DeviceContext.BAD_MODE
        ? badMode(device, address, write)
        : reported(device, guest.translate(device, pasid, address, Request.kind(flags)));
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
}
