package dev.cleave.bench.cli;

import dev.cleave.bench.dmesg.EntryTexts;
import dev.cleave.bench.dmesg.EntryTexts.Order;
import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.image.MemoryImage;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.DomainFinder;
import dev.cleave.bench.image.table.Finding;
import dev.cleave.bench.image.table.Rule;
import dev.cleave.bench.image.table.TableRoot;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.TextLines;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.format.X86;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SequencedMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say which table of an image to look at, and what comes of them. */
final class RootOptions {
  private static final int LARGEST_TEXT = 1 << 26;

  @Option(
      names = "--devtab",
      paramLabel = "ADDR",
      description = "Physical address of the device table, for --devid; a manifest knows it.")
  private Long deviceTable;

  @Option(
      names = "--devid",
      paramLabel = "[SSSS:]BB:DD.F",
      description = "The device whose table to look at; with --dte, whose row to take.")
  private String device;

  @Option(
      names = "--dte",
      paramLabel = "TEXT|FILE",
      description =
          "A device table entry: 64 hex digits, which are the bytes in memory; rows of debugfs; the"
              + " four DTE lines of dmesg; or four quadwords. Or a file with them.")
  private String entry;

  @Option(
      names = "--dte-order",
      paramLabel = "high|low",
      description =
          "Which of four quadwords comes first, where both orders make sense: high, as in debugfs,"
              + " or low, as in dmesg.")
  private String entryOrder;

  @Option(
      names = "--root",
      paramLabel = "ADDR",
      description = "Physical address of the top table, with --mode.")
  private Long root;

  @Option(
      names = "--mode",
      paramLabel = "N",
      description = "Levels of the table: 1 to 6, or 4 and 5 of x86.")
  private Long mode;

  @Option(
      names = "--format",
      paramLabel = "v1|x86",
      defaultValue = "v1",
      description =
          "Format of the table at --root: AMD v1, or x86-64, which is AMD v2 and a processor's"
              + " nested table (default: ${DEFAULT-VALUE}).")
  private String format;

  @Option(
      names = "--sign-extended",
      description = "The upper half of the iovas of an x86 table lies below 2^64.")
  private boolean signExtended;

  @Option(
      names = "--c-bit",
      paramLabel = "BIT",
      description =
          "Position of the C-bit in addresses on a host with memory encryption, 32 to 51.")
  private Long encryptionBit;

  /** Checks what can be checked before the image is read. */
  void check() {
    checkForDevices();
    if (deviceTable != null && device == null) {
      throw new BadInput("--devtab needs --devid");
    }
  }

  /** The same where each event names its device. */
  void checkForDevices() {
    if (!isX86() && !format.equals("v1")) {
      throw new BadInput("--format " + format + " is not known, expected v1 or x86");
    }
    if (isX86() && root == null) {
      throw new BadInput("--format x86 needs --root and --mode: elsewhere the image says it");
    }
    if (signExtended && !isX86()) {
      throw new BadInput("--sign-extended needs --format x86");
    }
    long ways =
        Stream.of(
                deviceTable != null || (device != null && entry == null),
                entry != null,
                root != null || mode != null)
            .filter(given -> given)
            .count();
    if (ways > 1) {
      throw new BadInput("--devtab/--devid, --dte and --root/--mode exclude each other");
    }
    if ((root == null) != (mode == null)) {
      throw new BadInput(root == null ? "--mode needs --root" : "--root needs --mode");
    }
    if (entryOrder != null && entry == null) {
      throw new BadInput("--dte-order needs --dte");
    }
    if (entryOrder != null && !entryOrder.equals("high") && !entryOrder.equals("low")) {
      throw new BadInput("--dte-order is " + entryOrder + ", expected high or low");
    }
    if (device != null) {
      var _ = deviceId();
    }
    checkAligned("--devtab", deviceTable);
    checkAligned("--root", root);
    try {
      var _ = hostFormat();
    } catch (IllegalArgumentException e) {
      throw new BadInput("--c-bit: " + e.getMessage());
    }
  }

  private boolean isX86() {
    return format.equals("x86");
  }

  private AmdV1 hostFormat() {
    return encryptionBit == null ? AmdV1.LINUX : AmdV1.LINUX.withEncryptionBit(bit());
  }

  private X86 guestFormat() {
    return encryptionBit == null ? X86.LINUX : X86.LINUX.withEncryptionBit(bit());
  }

  private int bit() {
    return Math.clamp(encryptionBit, 0, Long.SIZE);
  }

  /** Who finds the domains of an image. */
  DomainFinder finder(MemoryImage image) {
    return new DomainFinder(image.memory(), hostFormat(), guestFormat());
  }

  private static void checkAligned(String option, Long address) {
    if (address != null && (address & Geometry.offsetMask(Geometry.PAGE_LOG2)) != 0) {
      throw new BadInput(option + " must be 4096-byte aligned, got " + Numbers.hex(address));
    }
  }

  /** Whether the options leave the choice to a manifest. */
  boolean isAll() {
    return device == null && entry == null && root == null;
  }

  /** Whether any option chooses a table. */
  boolean isAny() {
    return !isAll() || deviceTable != null || mode != null;
  }

  /**
   * The domains that an event may be about: those that the options choose, else that of its device,
   * else that of its number.
   */
  List<Domain> domainsOf(
      String name,
      MemoryImage image,
      DomainFinder finder,
      @Nullable DeviceId of,
      OptionalInt domainId) {
    if (!isAll()) {
      return domains(name, image, finder);
    }
    if (deviceTable != null) {
      Optional<DeviceTableEntry> entry =
          of == null ? Optional.empty() : finder.read(deviceTable, of);
      return entry.map(found -> finder.of(found, List.of(of))).orElse(List.of());
    }
    if (image.manifest().isEmpty()) {
      throw BadInput.in(
          name,
          "has no manifest.json that names its domains: choose a table by --devtab, --devid, --dte"
              + " or --root");
    }
    List<Domain> all = finder.all(image.manifest().get());
    List<Domain> ofDevice =
        all.stream().filter(domain -> of != null && domain.devices().contains(of)).toList();
    String number = domainId.isPresent() ? Integer.toString(domainId.getAsInt()) : "";
    return ofDevice.isEmpty()
        ? all.stream().filter(domain -> domain.name().equals(number)).toList()
        : ofDevice;
  }

  /** The domains that the options choose; without options, every domain of the manifest. */
  List<Domain> domains(String name, MemoryImage image, DomainFinder finder) {
    if (root != null) {
      return List.of(atRoot(image));
    }
    if (entry != null) {
      return ofEntries(finder);
    }
    if (device != null) {
      return ofDevice(name, image, finder);
    }
    return image
        .manifest()
        .map(finder::all)
        .filter(domains -> !domains.isEmpty())
        .orElseThrow(() ->
            BadInput.in(
                name,
                "has no manifest.json that names its domains: choose a table by"
                    + " --devtab and --devid, --dte, or --root and --mode"));
  }

  private Domain atRoot(MemoryImage image) {
    int levels = Math.clamp(mode, 0, Integer.MAX_VALUE);
    EntryFormat entries = isX86() ? guestFormat() : hostFormat();
    if (levels < entries.minLevels() || levels > entries.maxLevels()) {
      throw new BadInput(
          "--mode must be %d to %d, got %s"
              .formatted(entries.minLevels(), entries.maxLevels(), Long.toUnsignedString(mode)));
    }
    if (!image.memory().isBacked(root)) {
      throw new BadInput("--root: no memory at " + Numbers.hex(root) + " in the image");
    }
    TableRoot table = TableRoot.of(entries, root, levels, Access.READ_WRITE);
    return new Domain(
        Domain.UNNAMED,
        isX86() ? DeviceTableEntry.Kind.V2 : DeviceTableEntry.Kind.V1,
        signExtended ? table.withSignExtension() : table,
        List.of(),
        List.of());
  }

  /** One domain for each entry, with all the devices that have it. */
  private List<Domain> ofEntries(DomainFinder finder) {
    List<Domain> all = new ArrayList<>();
    entries()
        .forEach((found, devices) -> {
          List<Domain> of = finder.of(found.entry(), devices);
          if (found.doubt() != null) {
            of.getFirst().findings().add(new Finding(Rule.ENTRY_ORDER, null, found.doubt()));
          }
          all.addAll(of);
        });
    return all;
  }

  private SequencedMap<EntryTexts.Found, List<DeviceId>> entries() {
    Order order =
        entryOrder == null ? null : entryOrder.equals("high") ? Order.HIGH_FIRST : Order.LOW_FIRST;
    SequencedMap<EntryTexts.Found, List<DeviceId>> entries = new LinkedHashMap<>();
    DeviceId wanted = device == null ? null : deviceId();
    for (EntryTexts.Found found : EntryTexts.parse(isFile() ? entry : "--dte", text(), order)) {
      if (wanted == null || wanted.equals(found.device())) {
        var ofNobody = new EntryTexts.Found(null, found.entry(), found.doubt());
        List<DeviceId> devices = entries.computeIfAbsent(ofNobody, _ -> new ArrayList<>());
        if (found.device() != null && !devices.contains(found.device())) {
          devices.add(found.device());
        }
      }
    }
    if (entries.isEmpty()) {
      throw new BadInput("--devid: no entry of " + wanted + " in what --dte gives");
    }
    return entries;
  }

  private boolean isFile() {
    try {
      return Files.isRegularFile(Path.of(entry));
    } catch (InvalidPathException _) {
      return false;
    }
  }

  private String text() {
    if (!isFile()) {
      return entry;
    }
    StringBuilder text = new StringBuilder();
    try (TextLines lines = TextLines.open(entry)) {
      for (String line : lines) {
        text.append(line).append('\n');
        if (text.length() > LARGEST_TEXT) {
          throw BadInput.in(entry, "holds more than 64 MiB, expected a dump of a device table");
        }
      }
    } catch (IOException e) {
      throw BadInput.cannotUse(entry, e);
    }
    return text.toString();
  }

  private DeviceId deviceId() {
    try {
      return DeviceId.parse(device);
    } catch (IllegalArgumentException e) {
      throw new BadInput("--devid: " + e.getMessage());
    }
  }

  private List<Domain> ofDevice(String name, MemoryImage image, DomainFinder finder) {
    DeviceId id = deviceId();
    if (deviceTable == null && id.segment() != 0 && !isNamed(image, id)) {
      throw BadInput.in(name, "tells of PCI segment 0, %s is in another: --devtab".formatted(id));
    }
    return finder.of(find(name, image, finder, id), List.of(id));
  }

  private static boolean isNamed(MemoryImage image, DeviceId id) {
    return image.manifest().filter(manifest -> manifest.devices().containsKey(id)).isPresent();
  }

  /**
   * A device's entry: in the device table if it is known where that is, else as a manifest has it.
   *
   * @throws BadInput if there is none
   */
  private DeviceTableEntry find(String name, MemoryImage image, DomainFinder finder, DeviceId id) {
    OptionalLong known =
        deviceTable != null
            ? OptionalLong.of(deviceTable)
            : image.manifest().map(Manifest::deviceTable).orElse(OptionalLong.empty());
    if (known.isPresent()) {
      return finder
          .read(known.getAsLong(), id)
          .orElseThrow(() ->
              new BadInput(
                  "no memory at %s in the image, where the device table entry of %s would be"
                      .formatted(
                          Numbers.hex(DeviceTableEntry.paddrOf(known.getAsLong(), id.value())),
                          id)));
    }
    return image
        .manifest()
        .map(manifest -> manifest.devices().get(id))
        .orElseThrow(() -> BadInput.in(name, "does not say where its device table is: --devtab"));
  }
}
