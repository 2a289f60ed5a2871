package dev.cleave.bench.ioas;

import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoAddressSpace;
import dev.cleave.engine.ioas.IovaReservation;
import dev.cleave.engine.ioas.UnmapRule;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What has an id in {@code /dev/iommu}. */
sealed interface IommuObject {
  /** An address space. */
  final class Ioas implements IommuObject {
    final IoAddressSpace space;

    /** Its page tables, in order of age. */
    final List<Hwpt> tables = new ArrayList<>();

    /** The windows of devices that are attached to it. */
    final Map<Device, IovaReservation> windows = new HashMap<>();

    Ioas(int largestAlignmentLog2) {
      space = new IoAddressSpace(UnmapRule.WHOLE_AREAS, largestAlignmentLog2);
    }
  }

  /** A page table. */
  final class Hwpt implements IommuObject {
    final int id;
    final Ioas ioas;
    final HardwarePageTable table;
    final Set<Device> users = new HashSet<>();

    /** Whether it was made by attaching a device to an address space, and dies with the last. */
    boolean isAuto;

    Hwpt(int id, Ioas ioas, HardwarePageTable table) {
      this.id = id;
      this.ioas = ioas;
      this.table = table;
    }
  }

  /** A device, which has an id while it is bound. */
  final class Device implements IommuObject {
    final String name;
    final String group;
    @Nullable Integer id;
    @Nullable Hwpt table;

    Device(String name, String group) {
      this.name = name;
      this.group = group;
    }
  }
}
