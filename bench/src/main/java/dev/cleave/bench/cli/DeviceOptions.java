package dev.cleave.bench.cli;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.machine.DeviceKind;
import dev.cleave.bench.machine.Devices;
import dev.cleave.bench.machine.GuestRam;
import dev.cleave.bench.replay.DeviceResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.trace.AddressSpace;
import dev.cleave.bench.trace.Trace;
import dev.cleave.bench.trace.TraceEvent;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which devices use a replayed guest's memory. */
final class DeviceOptions {
  /** Where AMD's tree begins the second mapping, if nothing lies there. */
  private static final long LEAST_VTOM = 1L << 40;

  /** What is mapped must end here, so that there is room for it once more below all of 2^52. */
  private static final long MOST_IOVA = 1L << 51;

  @Option(
      names = "--devices",
      paramLabel = "KIND",
      defaultValue = "untrusted",
      description =
          "Which devices use the memory: untrusted (default): shared pages alone; trusted: private"
              + " pages alone; vtom: both by address, all memory being mapped twice; guest-table:"
              + " both by the guest's own table; mixed: all of them at once on one table.")
  private String name;

  /** What a person should know, if not all of the devices can be there. */
  private final List<String> warnings = new ArrayList<>();

  /** Checks what can be checked before the log is read. */
  void check() {
    var _ = named();
  }

  private List<DeviceKind> named() {
    try {
      return DeviceKind.named(name);
    } catch (IllegalArgumentException e) {
      throw new BadInput("--devices: " + e.getMessage());
    }
  }

  /**
   * Adds what was chosen to the options of a replay.
   *
   * @throws BadInput if the log does not allow it
   */
  ReplayOptions applyTo(ReplayOptions options, Trace trace) {
    List<DeviceKind> kinds = named();
    if (kinds.equals(List.of(DeviceKind.UNTRUSTED))) {
      return options;
    }
    if (!options.followsRmp()) {
      throw new BadInput(
          "--devices "
              + name
              + " needs page states, and none are replayed (see --rmp): without an RMP no device is"
              + " trusted");
    }
    long vTom = 0;
    if (kinds.contains(DeviceKind.VTOM)) {
      vTom = vTom(trace);
    }
    return options.withDevices(new Devices(kinds, vTom));
  }

  private long vTom(Trace trace) {
    long vTom = LEAST_VTOM;
    for (TraceEvent event : trace.events()) {
      if (event instanceof TraceEvent.Map map && map.length() > 0) {
        long end = map.iova() + map.length();
        if (Long.compareUnsigned(end, map.iova()) < 0 || Long.compareUnsigned(end, MOST_IOVA) > 0) {
          throw new BadInput(
              "--devices %s maps everything once more above it, so that iovas must end at or below"
                      .formatted(name)
                  + " 2^51, line %d maps %s".formatted(map.line(), Numbers.hex(map.iova())));
        }
        while (vTom < end) {
          vTom <<= 1;
        }
      }
    }
    return vTom;
  }

  /** The spaces in which the guest needs room for a table of its own. */
  static List<AddressSpace> tableSpaces(ReplayOptions options) {
    return options.devices().has(DeviceKind.GUEST_TABLE) ? options.spaces() : List.of();
  }

  /**
   * Leaves out devices behind a table of the guest's where the guest has no room for one.
   *
   * @param ram the memory, or null for no devices
   * @throws BadInput if there are no others
   */
  ReplayOptions fitTo(ReplayOptions options, @Nullable GuestRam ram) {
    if (ram == null
        || !options.devices().has(DeviceKind.GUEST_TABLE)
        || options.spaces().stream().anyMatch(space -> ram.tablePlace(space) != null)) {
      return options;
    }
    String reason =
        "a table of the guest's own needs contiguous memory that the log maps and whose pages stay"
            + " private, and there is not enough";
    List<DeviceKind> others = new ArrayList<>(options.devices().kinds());
    others.remove(DeviceKind.GUEST_TABLE);
    if (others.isEmpty()) {
      throw new BadInput("--devices " + name + ": " + reason);
    }
    warnings.add("--devices " + name + " goes without guest-table: " + reason);
    return options.withDevices(new Devices(others, options.devices().vTom()));
  }

  /** Where all devices are of one kind, the policies that do not give them what they may use. */
  static List<String> unserved(List<PolicyResult> results) {
    List<String> unserved = new ArrayList<>();
    for (PolicyResult result : results) {
      List<DeviceResult> devices = result.devices();
      if (devices.size() == 1 && !devices.getFirst().met().isServed()) {
        String pages = devices.getFirst().pages();
        unserved.add(
            "%s gives %s devices %s"
                .formatted(
                    result.policy(),
                    devices.getFirst().kind(),
                    pages.equals("none") ? "no page" : pages + " pages alone"));
      }
    }
    return unserved.stream().distinct().toList();
  }

  /** What to know, each thing once. */
  List<String> warnings() {
    return warnings;
  }
}
