package dev.cleave.bench.ioas;

import dev.cleave.bench.ioas.IommuObject.Device;
import dev.cleave.bench.ioas.IommuObject.Hwpt;
import dev.cleave.bench.ioas.IommuObject.Ioas;
import dev.cleave.engine.PageTableConfig;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.ioas.HardwarePageTable;
import dev.cleave.engine.ioas.IoasException;
import dev.cleave.engine.ioas.IovaRange;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Attaches devices to page tables, by the kernel's rules for groups, for tables that it makes by
 * itself, and for what is left when an attach fails.
 */
final class Devices {
  /** Where a device's writes are interrupts, and what HyperTransport reserves. */
  private static final List<IovaRange> WINDOWS =
      List.of(
          new IovaRange(0xfee0_0000L, 0xfeef_ffffL),
          new IovaRange(0xfd_0000_0000L, 0xff_ffff_ffffL));

  private static final int IOVA_BITS = 48;
  private static final int OUTPUT_BITS = 52;

  /** Two functions of one slot are one group; every other device is its own. */
  private static final String GROUP = "1b";

  final Map<String, Device> devices = new LinkedHashMap<>();
  private final Objects objects;
  private final TableMemory memory;
  private final LockedMemory locked;

  Devices(Objects objects, TableMemory memory, LockedMemory locked) {
    this.objects = objects;
    this.memory = memory;
    this.locked = locked;
  }

  void open(String name) {
    String slot = name.substring(name.indexOf(':') + 1);
    devices.put(name, new Device(name, slot.startsWith(GROUP) ? GROUP : name));
  }

  private List<Device> attachedOfGroup(Device device) {
    return devices.values().stream()
        .filter(other -> other.group.equals(device.group) && other.table != null)
        .toList();
  }

  // ---- attach --------------------------------------------------------------------------------

  /** Attaches a device to what has an id, and returns the id of its page table. */
  int attach(Device device, int pt) {
    IommuObject target = objects.find(pt);
    if (target == null) {
      throw new CallFailed("ENOENT");
    }
    Hwpt old = device.table;
    Hwpt now =
        switch (target) {
          case Hwpt table -> {
            put(device, table);
            yield table;
          }
          case Ioas ioas -> attachToSpace(device, ioas);
          case Device _ -> throw new CallFailed("EINVAL");
        };
    if (old != null && old != now) {
      destroyIfUnused(old);
    }
    return now.id;
  }

  /** Uses a table that was made this way before, else makes one. */
  private Hwpt attachToSpace(Device device, Ioas ioas) {
    for (Hwpt table : ioas.tables) {
      if (table.isAuto) {
        try {
          put(device, table);
          return table;
        } catch (CallFailed e) {
          if (!e.errno().equals("EINVAL")) {
            throw e;
          }
        }
      }
    }
    if (device.table == null) {
      Hwpt made = make(ioas, device);
      made.isAuto = true;
      return made;
    }
    Hwpt made = make(ioas);
    try {
      replace(device, made);
    } catch (CallFailed e) {
      destroy(made);
      throw e;
    }
    made.isAuto = true;
    return made;
  }

  private void put(Device device, Hwpt table) {
    if (device.table == null) {
      use(device, table);
    } else {
      replace(device, table);
    }
  }

  private void use(Device device, Hwpt table) {
    List<Device> group = attachedOfGroup(device);
    if (!group.isEmpty() && group.getFirst().table != table) {
      throw new CallFailed("EINVAL");
    }
    reserveWindows(table.ioas, device);
    device.table = table;
    table.users.add(device);
  }

  private static void reserveWindows(Ioas ioas, Device device) {
    try {
      ioas.windows.put(device, ioas.space.reserve(WINDOWS));
    } catch (IoasException e) {
      throw new CallFailed(e.errno().name());
    }
  }

  private static void releaseWindows(Ioas ioas, Device device) {
    var reservation = ioas.windows.remove(device);
    if (reservation != null) {
      reservation.close();
    }
  }

  /** Moves all of a device's group to another table. */
  private void replace(Device device, Hwpt table) {
    Hwpt old = device.table;
    if (old == null || old == table) {
      return;
    }
    List<Device> group = attachedOfGroup(device);
    if (table.ioas != old.ioas) {
      try {
        group.forEach(member -> reserveWindows(table.ioas, member));
      } catch (CallFailed e) {
        group.forEach(member -> releaseWindows(table.ioas, member));
        throw e;
      }
      group.forEach(member -> releaseWindows(old.ioas, member));
    }
    for (Device member : group) {
      old.users.remove(member);
      member.table = table;
      table.users.add(member);
    }
  }

  void detach(Device device) {
    Hwpt table = device.table;
    if (table != null) {
      leave(device, table);
      destroyIfUnused(table);
    }
  }

  private static void leave(Device device, Hwpt table) {
    table.users.remove(device);
    device.table = null;
    releaseWindows(table.ioas, device);
  }

  // ---- page tables ---------------------------------------------------------------------------

  /** Makes a page table and fills it. */
  Hwpt make(Ioas ioas) {
    Hwpt made = allocate(ioas);
    try {
      fill(made);
      return made;
    } catch (CallFailed e) {
      forget(made);
      throw e;
    }
  }

  /** The same for a device that uses it at once: its windows come first. */
  private Hwpt make(Ioas ioas, Device device) {
    Hwpt made = allocate(ioas);
    try {
      use(device, made);
      try {
        fill(made);
      } catch (CallFailed e) {
        leave(device, made);
        throw e;
      }
      return made;
    } catch (CallFailed e) {
      forget(made);
      throw e;
    }
  }

  private Hwpt allocate(Ioas ioas) {
    HardwarePageTable table =
        HardwarePageTable.create(
            memory,
            PageTableConfig.of(AmdV1.LINUX).withWidths(IOVA_BITS, OUTPUT_BITS),
            (_, _) -> {});
    Hwpt made = new Hwpt(objects.lowestFree(), ioas, table);
    objects.put(made.id, made);
    return made;
  }

  private void fill(Hwpt made) {
    long before = locked.pages();
    try {
      made.ioas.space.attach(made.table);
    } catch (IoasException e) {
      throw new CallFailed(e.errno().name());
    }
    made.ioas.tables.add(made);
    if (locked.isPassed(before)) {
      made.ioas.tables.remove(made);
      made.ioas.space.detach(made.table);
      throw new CallFailed("ENOMEM");
    }
  }

  private void forget(Hwpt made) {
    made.table.close();
    objects.remove(made.id);
  }

  void destroy(Hwpt table) {
    table.ioas.tables.remove(table);
    table.ioas.space.detach(table.table);
    forget(table);
  }

  private void destroyIfUnused(Hwpt table) {
    if (table.isAuto && table.users.isEmpty()) {
      destroy(table);
    }
  }

  /** The tables that devices use, each once. */
  List<Hwpt> tablesInUse() {
    TreeSet<Hwpt> tables = new TreeSet<>((one, other) -> Integer.compare(one.id, other.id));
    devices
        .values()
        .forEach(device -> {
          if (device.table != null) {
            tables.add(device.table);
          }
        });
    return List.copyOf(tables);
  }
}
