package dev.cleave.bench.conform;

import dev.cleave.bench.conform.FaultyPages.EntryFault;
import dev.cleave.bench.conform.qemu.Device;
import dev.cleave.bench.conform.qemu.IommuPort;
import dev.cleave.bench.machine.IommuCommand;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.Geometry;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Faults of one line, as somebody might write them into the engine's format and flush code. */
@SuppressWarnings("ImmutableEnumChecker") // functions without state
enum PlantedFault {
  NEXT_LEVEL_OF_DIRECTORY_TOO_HIGH((_, _, bits) -> isDirectory(bits) ? bits + (1L << 9) : bits),
  NEXT_LEVEL_OF_DIRECTORY_TOO_LOW((_, _, bits) -> isDirectory(bits) ? bits - (1L << 9) : bits),
  SIZED_LEAF_TWICE_ITS_SIZE(
      (_, _, bits) -> isSized(bits) ? bits | 1L << (sizeLog2(bits) - 1) : bits),
  READ_AND_WRITE_SWAPPED_IN_LEAVES((_, _, bits) -> isLeaf(bits) ? swapped(bits) : bits),
  DIRECTORY_WITHOUT_WRITE((_, _, bits) -> isDirectory(bits) ? bits & ~(1L << 62) : bits),
  ADDRESS_BIT_DROPPED((_, _, bits) -> isLeaf(bits) ? bits & ~(1L << 32) : bits),
  HIGH_ADDRESS_BIT_DROPPED((_, _, bits) -> isLeaf(bits) ? bits & ~(1L << 45) : bits),
  LAST_REPLICA_MISSING(
      (index, old, bits) -> isSized(bits) && (index + 1) % replicas(bits) == 0 ? old : bits),
  UNMAP_FORGETS_A_LEAF(
      (index, old, bits) -> bits == 0 && isLeaf(old) && index % 4 == 3 ? old : bits),
  UPPER_HALF_OF_A_TABLE_LIKE_THE_LOWER(
      (index, _, bits) -> isPage(bits) && index >= 256 ? bits - (256L << 12) : bits),
  PROTECT_OF_THE_FIRST_REPLICA_ONLY((index, old, bits) ->
      isSized(bits)
              && isPresent(old)
              && (old ^ bits) << 1 >>> 62 != 0
              && index % replicas(bits) != 0
          ? old
          : bits),
  FLUSH_FORGOTTEN(port ->
      new Between(port) {
        @Override
        public void submit(IommuCommand command) {
          if (!isPages(command)) {
            super.submit(command);
          }
        }
      }),
  FLUSH_OF_ANOTHER_DOMAIN(port ->
      new Between(port) {
        @Override
        public void submit(IommuCommand command) {
          super.submit(
              isPages(command) ? new IommuCommand(command.q0() ^ 1L << 33, command.q1()) : command);
        }
      }),
  GROWN_TOP_NOT_TOLD(port ->
      new Between(port) {
        private final Map<Device, DeviceTableEntry> entries = new EnumMap<>(Device.class);

        @Override
        public void store(Device device, DeviceTableEntry entry) {
          DeviceTableEntry old = entries.put(device, entry);
          boolean isGrown =
              old != null
                  && old.levels() != 0
                  && old.domainId() == entry.domainId()
                  && old.levels() < entry.levels();
          super.store(device, isGrown ? old : entry);
        }
      }),
  LEVELS_OF_DEVICE_TABLE_ENTRY_TOO_LOW(port ->
      new Between(port) {
        @Override
        public void store(Device device, DeviceTableEntry entry) {
          boolean isTable = entry.levels() > 1;
          super.store(
              device,
              isTable
                  ? DeviceTableEntry.v1(entry.root(), entry.levels() - 1, entry.domainId())
                  : entry);
        }
      }),
  DOMAIN_OF_DEVICE_TABLE_ENTRY_WRONG(port ->
      new Between(port) {
        @Override
        public void store(Device device, DeviceTableEntry entry) {
          super.store(
              device, new DeviceTableEntry(entry.q0(), entry.q1() ^ 2, entry.q2(), entry.q3()));
        }
      });

  private final EntryFault entryFault;
  private final UnaryOperator<IommuPort> between;

  PlantedFault(EntryFault entryFault) {
    this.entryFault = entryFault;
    this.between = UnaryOperator.identity();
  }

  PlantedFault(UnaryOperator<IommuPort> between) {
    this.entryFault = (_, _, bits) -> bits;
    this.between = between;
  }

  EntryFault entryFault() {
    return entryFault;
  }

  UnaryOperator<IommuPort> between() {
    return between;
  }

  private static boolean isPresent(long bits) {
    return (bits & 1) != 0;
  }

  private static boolean isLeaf(long bits) {
    return isPresent(bits) && (AmdV1.nextLevel(bits) == 0 || AmdV1.nextLevel(bits) == 7);
  }

  private static boolean isDirectory(long bits) {
    return isPresent(bits) && !isLeaf(bits);
  }

  private static boolean isSized(long bits) {
    return isPresent(bits) && AmdV1.isSized(bits);
  }

  private static boolean isPage(long bits) {
    return isPresent(bits) && AmdV1.nextLevel(bits) == 0;
  }

  private static int sizeLog2(long bits) {
    return AmdV1.LINUX.leafSizeLog2(bits, 1);
  }

  private static int replicas(long bits) {
    return 1 << Geometry.slotsLog2(sizeLog2(bits));
  }

  private static long swapped(long bits) {
    long read = bits >>> 61 & 1;
    long write = bits >>> 62 & 1;
    return (bits & ~(3L << 61)) | write << 61 | read << 62;
  }

  private static boolean isPages(IommuCommand command) {
    return command.q0() >>> 60 == 3;
  }

  /** Passes everything on. */
  private static class Between implements IommuPort {
    private final IommuPort port;

    Between(IommuPort port) {
      this.port = port;
    }

    @Override
    public void submit(IommuCommand command) {
      port.submit(command);
    }

    @Override
    public void awaitCompletion() {
      port.awaitCompletion();
    }

    @Override
    public void store(Device device, DeviceTableEntry entry) {
      port.store(device, entry);
    }
  }
}
