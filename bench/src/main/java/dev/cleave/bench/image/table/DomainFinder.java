package dev.cleave.bench.image.table;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.X86;
import dev.cleave.hwmodel.memory.PhysicalMemory;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.Set;

/**
 * Finds domains: from a device table entry, or from a manifest and the device table in memory.
 * Memory is believed where the two differ in permissions, and that they differ is a finding.
 */
public final class DomainFinder {
  private final PhysicalMemory memory;
  private final AmdV1 hostFormat;
  private final X86 guestFormat;

  /**
   * A finder.
   *
   * @param memory the image
   * @param hostFormat the format of host tables
   * @param guestFormat the format of guest tables
   */
  public DomainFinder(PhysicalMemory memory, AmdV1 hostFormat, X86 guestFormat) {
    this.memory = memory;
    this.hostFormat = hostFormat;
    this.guestFormat = guestFormat;
  }

  /**
   * A device's entry in memory.
   *
   * @param deviceTable physical address of the device table, or the register that holds it
   * @param device the device
   * @return the entry, empty if it is not in the image
   */
  public Optional<DeviceTableEntry> read(long deviceTable, DeviceId device) {
    long at = DeviceTableEntry.paddrOf(deviceTable, device.value());
    return memory.isBacked(at)
        ? Optional.of(
            new DeviceTableEntry(
                memory.getLong(at),
                memory.getLong(at + Long.BYTES),
                memory.getLong(at + 2 * Long.BYTES),
                memory.getLong(at + 3 * Long.BYTES)))
        : Optional.empty();
  }

  /**
   * The domain that an entry describes and, where it has guest tables, one for each PASID behind.
   *
   * @param entry the entry
   * @param devices whose it is, where known
   * @return the domains
   */
  public List<Domain> of(DeviceTableEntry entry, List<DeviceId> devices) {
    List<Finding> findings = new ArrayList<>();
    judge("the device table entry", entry, findings);
    String name = Integer.toString(entry.domainId());
    return domains(name, entry, entry.access(), devices, findings);
  }

  /**
   * Every domain of a manifest, and those of the guest tables that its other devices have.
   *
   * @param manifest the manifest
   * @return in its order
   */
  public List<Domain> all(Manifest manifest) {
    List<Domain> domains = new ArrayList<>();
    manifest.domains().forEach(domain -> domains.addAll(of(manifest, domain)));
    SequencedMap<DeviceTableEntry, List<DeviceId>> guests = new LinkedHashMap<>();
    unattached(manifest)
        .forEach((device, entry) -> {
          if (entry.kind() == DeviceTableEntry.Kind.V2) {
            guests.computeIfAbsent(entry, _ -> new ArrayList<>()).add(device);
          }
        });
    guests.forEach((entry, devices) -> domains.addAll(of(entry, devices)));
    return domains;
  }

  /**
   * The devices of a manifest that are in no domain.
   *
   * @param manifest the manifest
   * @return their entries
   */
  public SequencedMap<DeviceId, DeviceTableEntry> others(Manifest manifest) {
    SequencedMap<DeviceId, DeviceTableEntry> others = unattached(manifest);
    others.values().removeIf(entry -> entry.kind() == DeviceTableEntry.Kind.V2);
    return others;
  }

  private SequencedMap<DeviceId, DeviceTableEntry> unattached(Manifest manifest) {
    Set<DeviceId> attached = new HashSet<>();
    manifest.domains().forEach(domain -> attached.addAll(domain.devices()));
    SequencedMap<DeviceId, DeviceTableEntry> others = new LinkedHashMap<>();
    manifest
        .devices()
        .forEach((device, said) -> {
          if (!attached.contains(device)) {
            others.put(device, inMemory(manifest, device).orElse(said));
          }
        });
    return others;
  }

  private Optional<DeviceTableEntry> inMemory(Manifest manifest, DeviceId device) {
    return manifest.deviceTable().isPresent()
        ? read(manifest.deviceTable().getAsLong(), device)
        : Optional.empty();
  }

  private List<Domain> of(Manifest manifest, Manifest.Domain domain) {
    if (domain.isX86()) {
      return List.of(nested(domain));
    }
    DeviceTableEntry said = DeviceTableEntry.v1(domain.root(), domain.mode(), domain.domainId());
    DeviceTableEntry first = null;
    DeviceId firstDevice = null;
    List<Finding> findings = new ArrayList<>();
    for (DeviceId device : domain.devices()) {
      Optional<DeviceTableEntry> found = inMemory(manifest, device);
      DeviceTableEntry noted = manifest.devices().get(device);
      if (found.isPresent() && noted != null && !found.get().equals(noted)) {
        error(
            findings,
            "device %s: memory has %s, the manifest says %s"
                .formatted(device, found.get().toHex(), noted.toHex()));
      }
      DeviceTableEntry entry = found.orElse(noted);
      if (entry == null) {
        continue;
      }
      judge("device " + device, entry, findings);
      compare(device, entry, said, findings);
      if (first == null) {
        first = entry;
        firstDevice = device;
      } else if (entry.access() != first.access()) {
        findings.add(
            new Finding(
                Rule.DEVICE_PERMISSIONS,
                null,
                "device %s has other permissions than %s, whose are shown"
                    .formatted(device, firstDevice)));
      }
    }
    boolean translated = first == null || first.kind() == said.kind();
    return domains(
        Integer.toString(domain.domainId()),
        translated ? said : first,
        first == null ? said.access() : first.access(),
        domain.devices(),
        findings);
  }

  /** A table that no device leads to: that of the processors. */
  private Domain nested(Manifest.Domain domain) {
    int levels = domain.mode();
    List<Finding> findings = new ArrayList<>();
    boolean isLegal = levels >= guestFormat.minLevels() && levels <= guestFormat.maxLevels();
    if (!isLegal) {
      error(findings, "an x86-64 table has 4 or 5 levels, the manifest says " + levels);
    }
    TableRoot root =
        TableRoot.of(guestFormat, guestFormat.tablePaddr(domain.root()), levels, Access.READ_WRITE);
    return new Domain(
        Integer.toString(domain.domainId()),
        DeviceTableEntry.Kind.V2,
        isLegal ? root : null,
        domain.devices(),
        findings);
  }

  private static void compare(
      DeviceId device, DeviceTableEntry entry, DeviceTableEntry said, List<Finding> findings) {
    if (entry.kind() != said.kind()
        || entry.root() != said.root()
        || entry.levels() != said.levels()
        || entry.domainId() != said.domainId()) {
      error(
          findings,
          ("device %s: its entry is domain %d, root %s, %d levels (%s); the manifest's domain is"
                  + " %d, root %s, %d levels")
              .formatted(
                  device,
                  entry.domainId(),
                  Numbers.hex(entry.root()),
                  entry.levels(),
                  Domain.words(entry.kind()),
                  said.domainId(),
                  Numbers.hex(said.root()),
                  said.levels()));
    }
  }

  private static void judge(String whose, DeviceTableEntry entry, List<Finding> findings) {
    boolean valid = entry.kind() != DeviceTableEntry.Kind.INVALID;
    if (valid && entry.reservedBits() != 0) {
      error(
          findings,
          "%s: bits %s of the first word must be zero"
              .formatted(whose, Numbers.hex(entry.reservedBits())));
    }
    if (valid && entry.hasReservedMode()) {
      error(findings, whose + ": mode 7 is reserved");
    }
  }

  private static void error(List<Finding> findings, String detail) {
    findings.add(new Finding(Rule.DEVICE_TABLE, null, detail));
  }

  private List<Domain> domains(
      String name,
      DeviceTableEntry entry,
      int access,
      List<DeviceId> devices,
      List<Finding> findings) {
    TableRoot host =
        entry.hasHostTable()
            ? TableRoot.of(hostFormat, hostFormat.tablePaddr(entry.root()), entry.levels(), access)
            : null;
    Domain domain = new Domain(name, entry.kind(), host, devices, findings);
    List<Domain> domains = new ArrayList<>(List.of(domain));
    if (entry.kind() == DeviceTableEntry.Kind.V2) {
      domains.addAll(new PasidTables(memory, guestFormat, entry, domain).find());
    }
    return domains;
  }
}
