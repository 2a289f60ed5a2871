package dev.cleave.bench.ioas;

import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.ioas.IommuObject.Device;
import dev.cleave.bench.ioas.IommuObject.Hwpt;
import dev.cleave.bench.ioas.IommuObject.Ioas;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.ioas.IoasException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One open {@code /dev/iommu}, and the devices of the process that has it: answers the calls of a
 * log as the kernel would.
 */
final class Iommufd implements AutoCloseable {
  private static final String RLIMIT_MODE = "RLIMIT_MODE";
  private static final String HUGE_PAGES = "HUGE_PAGES";

  private final Objects objects = new Objects();
  private final LockedMemory locked = new LockedMemory(objects);
  private final Devices devices;
  private final AreaCalls areas;
  private final VfioCalls vfio;
  private final int largestAlignmentLog2;
  private boolean allowsUnsafeInterrupts = true;
  private long rlimitMode;

  Iommufd(UserMemory memory, TableMemory tables, int largestAlignmentLog2) {
    this.largestAlignmentLog2 = largestAlignmentLog2;
    this.devices = new Devices(objects, tables, locked);
    this.areas = new AreaCalls(objects, memory, locked);
    this.vfio = new VfioCalls(objects, areas);
  }

  /**
   * Does what a line asks for.
   *
   * @return what the kernel would answer, null for what has no answer
   */
  @Nullable String call(LogLine line) {
    try {
      String answer = answer(line);
      return answer == null ? null : ("0 " + answer).strip();
    } catch (IoasException e) {
      return (e.errno().name() + failedAnswer(line)).strip();
    } catch (CallFailed e) {
      String rest = e.rest().isEmpty() ? failedAnswer(line) : " " + e.rest();
      return (e.errno() + rest).strip();
    }
  }

  /** What a failed call leaves in the caller's structure. */
  private static String failedAnswer(LogLine line) {
    return line.operation().equals("UNMAP") ? " unmapped=0" : "";
  }

  private @Nullable String answer(LogLine line) {
    return switch (line.operation()) {
      case "OPEN" -> "";
      case "CLOSE" -> null;
      case "SET" -> set(line);
      case "SETRLIMIT" -> setLimit(line);
      case "CAP_IPC_LOCK" -> setCapability(line);
      case "OPENDEV" -> openDevice(line);
      case "CLOSEDEV" -> closeDevice(line);
      case "BIND" -> bind(line);
      case "ATTACH" -> attach(line);
      case "DETACH" -> detach(line);
      case "IOAS_ALLOC" -> allocateSpace(line);
      case "HWPT_ALLOC" -> allocateTable(line);
      case "DESTROY" -> destroy(line.id("id"));
      case "OPTION" -> option(line);
      case "MAP" -> areas.map(line);
      case "MAP_FILE" -> areas.mapFile(line);
      case "COPY" -> areas.copy(line);
      case "UNMAP" -> areas.unmap(line);
      case "IOVA_RANGES" -> areas.iovaRanges(line);
      case "ALLOW_IOVAS" -> areas.allow(line);
      case "VFIO_IOAS" -> vfio.space(line);
      case "VFIO_SET_IOMMU" -> vfio.setType(line);
      case "VFIO_MAP_DMA" -> vfio.map(line);
      case "VFIO_UNMAP_DMA" -> vfio.unmap(line);
      default -> throw line.bad("an operation that is not known: " + line.operation());
    };
  }

  // ---- the process ---------------------------------------------------------------------------

  private @Nullable String set(LogLine line) {
    allowsUnsafeInterrupts = line.number("allow_unsafe_interrupts") != 0;
    return null;
  }

  private @Nullable String setLimit(LogLine line) {
    if (line.field("memlock").equals("max")) {
      locked.setUnlimited();
    } else {
      locked.setLimitBytes(line.number("memlock"));
    }
    return null;
  }

  private @Nullable String setCapability(LogLine line) {
    locked.setCapability(
        switch (line.word(0)) {
          case "dropped" -> false;
          case "back" -> true;
          default -> throw line.bad("CAP_IPC_LOCK must be dropped or back");
        });
    return null;
  }

  // ---- devices -------------------------------------------------------------------------------

  private String openDevice(LogLine line) {
    devices.open(line.field("dev"));
    return "";
  }

  private Device device(LogLine line) {
    Device device = devices.devices.get(line.field("dev"));
    if (device == null) {
      throw line.bad("a device must be opened first, dev=" + line.field("dev"));
    }
    return device;
  }

  private Device boundDevice(LogLine line) {
    Device device = device(line);
    if (device.id == null) {
      throw new CallFailed("EINVAL");
    }
    return device;
  }

  private @Nullable String closeDevice(LogLine line) {
    Device device = device(line);
    if (device.id != null) {
      devices.detach(device);
      objects.remove(device.id);
    }
    devices.devices.remove(device.name);
    return null;
  }

  private String bind(LogLine line) {
    Device device = device(line);
    if (device.id != null) {
      throw new CallFailed("EINVAL");
    }
    if (!allowsUnsafeInterrupts) {
      throw new CallFailed("EPERM");
    }
    int id = objects.lowestFree();
    device.id = id;
    objects.put(id, device);
    return "dev_id=" + id;
  }

  private String attach(LogLine line) {
    return "pt=" + devices.attach(boundDevice(line), line.id("pt"));
  }

  private String detach(LogLine line) {
    devices.detach(boundDevice(line));
    return "";
  }

  // ---- objects -------------------------------------------------------------------------------

  private String allocateSpace(LogLine line) {
    if (line.number("flags") != 0) {
      throw new CallFailed("EOPNOTSUPP");
    }
    int id = objects.lowestFree();
    objects.put(id, new Ioas(largestAlignmentLog2));
    return "id=" + id;
  }

  private String allocateTable(LogLine line) {
    if (!(objects.find(line.id("dev_id")) instanceof Device)) {
      throw new CallFailed("ENOENT");
    }
    IommuObject parent = objects.find(line.id("pt"));
    if (parent instanceof Hwpt) {
      throw new CallFailed("EOPNOTSUPP");
    }
    if (!(parent instanceof Ioas ioas)) {
      throw new CallFailed("EINVAL");
    }
    if (line.number("flags") != 0) {
      throw new CallFailed("EOPNOTSUPP");
    }
    return "id=" + devices.make(ioas).id;
  }

  private String destroy(int id) {
    switch (objects.find(id)) {
      case null -> throw new CallFailed("ENOENT");
      case Device _ -> throw new CallFailed("EBUSY");
      case Hwpt table -> {
        if (!table.users.isEmpty()) {
          throw new CallFailed("EBUSY");
        }
        devices.destroy(table);
      }
      case Ioas ioas -> {
        if (!ioas.tables.isEmpty()) {
          throw new CallFailed("EBUSY");
        }
        vfio.forget(ioas);
        ioas.space.close();
        objects.remove(id);
      }
    }
    return "";
  }

  private String option(LogLine line) {
    boolean isSet = line.word(0).equals("SET");
    int object = line.id("object");
    return switch (line.word(1)) {
      case RLIMIT_MODE -> rlimitMode(line, isSet, object);
      case HUGE_PAGES -> hugePages(line, isSet, object);
      default -> throw new CallFailed("EOPNOTSUPP");
    };
  }

  private String rlimitMode(LogLine line, boolean isSet, int object) {
    if (object != 0) {
      throw new CallFailed("EOPNOTSUPP");
    }
    if (!isSet) {
      return "val=" + rlimitMode;
    }
    if (!objects.isEmpty()) {
      throw new CallFailed("EBUSY");
    }
    rlimitMode = zeroOrOne(line);
    return "";
  }

  private String hugePages(LogLine line, boolean isSet, int object) {
    Ioas ioas = objects.space(object);
    if (!isSet) {
      return "val=" + (ioas.space.hugePages() ? 1 : 0);
    }
    ioas.space.setHugePages(zeroOrOne(line) == 1);
    return "";
  }

  private static long zeroOrOne(LogLine line) {
    long value = line.number("val");
    if (value != 0 && value != 1) {
      throw new CallFailed("EINVAL");
    }
    return value;
  }

  // ---- what a dump shows ---------------------------------------------------------------------

  /** The tables that hardware walks. */
  List<Hwpt> tablesInUse() {
    return devices.tablesInUse();
  }

  /** The page table that a device is attached to, as a dump names it; empty for none. */
  String tableOf(String device) {
    Device found = devices.devices.get(device);
    return found == null || found.table == null ? "" : Integer.toString(found.table.id);
  }

  /** Closes devices and the file: all objects go. */
  @Override
  public void close() {
    List.copyOf(devices.devices.values()).forEach(devices::detach);
    for (Ioas ioas : objects.spaces()) {
      List.copyOf(ioas.tables).forEach(devices::destroy);
      ioas.space.close();
    }
  }

  static String hex(long value) {
    return value == 0 ? "0" : Numbers.hex(value);
  }
}
