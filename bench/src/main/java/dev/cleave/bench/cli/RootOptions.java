package dev.cleave.bench.cli;

import dev.cleave.bench.image.DeviceId;
import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.image.MemoryImage;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.DomainFinder;
import dev.cleave.bench.image.table.TableRoot;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.EntryFormat;
import dev.cleave.engine.format.Geometry;
import dev.cleave.engine.format.X86;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import picocli.CommandLine.Option;

/** The options that say which table of an image to look at, and what comes of them. */
final class RootOptions {
  @Option(
      names = "--devtab",
      paramLabel = "ADDR",
      description = "Physical address of the device table, for --devid; a manifest knows it.")
  private Long deviceTable;

  @Option(
      names = "--devid",
      paramLabel = "BB:DD.F",
      description = "The device whose table to look at.")
  private String device;

  @Option(
      names = "--dte",
      paramLabel = "HEX",
      description = "A device table entry: 64 hex digits, the bytes as they lie in memory.")
  private String entry;

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
                device != null || deviceTable != null, entry != null, root != null || mode != null)
            .filter(given -> given)
            .count();
    if (ways > 1) {
      throw new BadInput("--devtab/--devid, --dte and --root/--mode exclude each other");
    }
    if (deviceTable != null && device == null) {
      throw new BadInput("--devtab needs --devid");
    }
    if ((root == null) != (mode == null)) {
      throw new BadInput(root == null ? "--mode needs --root" : "--root needs --mode");
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

  /** The domains that the options choose; without options, every domain of the manifest. */
  List<Domain> domains(String name, MemoryImage image, DomainFinder finder) {
    if (root != null) {
      return List.of(atRoot(image));
    }
    if (entry != null) {
      try {
        return finder.of(DeviceTableEntry.parse(entry), List.of());
      } catch (IllegalArgumentException e) {
        throw new BadInput("--dte: " + e.getMessage());
      }
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

  private List<Domain> ofDevice(String name, MemoryImage image, DomainFinder finder) {
    DeviceId id;
    try {
      id = DeviceId.parse(device);
    } catch (IllegalArgumentException e) {
      throw new BadInput("--devid: " + e.getMessage());
    }
    long table =
        Objects.requireNonNullElseGet(
            deviceTable,
            () ->
                image
                    .manifest()
                    .map(Manifest::deviceTable)
                    .filter(known -> known.isPresent())
                    .orElseThrow(
                        () -> BadInput.in(name, "does not say where its device table is: --devtab"))
                    .getAsLong());
    return finder
        .read(table, id)
        .map(found -> finder.of(found, List.of(id)))
        .orElseThrow(() ->
            new BadInput(
                "no memory at %s in the image, where the device table entry of %s would be"
                    .formatted(Numbers.hex(DeviceTableEntry.paddrOf(table, id.value())), id)));
  }
}
