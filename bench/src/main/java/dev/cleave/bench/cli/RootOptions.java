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
import dev.cleave.engine.format.Geometry;
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

  @Option(names = "--mode", paramLabel = "N", description = "Levels of the table, 1 to 6.")
  private Long mode;

  @Option(
      names = "--format",
      paramLabel = "v1|x86",
      defaultValue = "v1",
      description = "Format of the table at --root (default: ${DEFAULT-VALUE}).")
  private String format;

  @Option(
      names = "--c-bit",
      paramLabel = "BIT",
      description =
          "Position of the C-bit in addresses on a host with memory encryption, 32 to 51.")
  private Long encryptionBit;

  /** Checks what can be checked before the image is read. */
  AmdV1 format() {
    switch (format) {
      case "v1" -> {}
      case "x86" -> throw new BadInput("--format x86 is not yet supported, expected v1");
      default -> throw new BadInput("--format " + format + " is not known, expected v1 or x86");
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
      return encryptionBit == null
          ? AmdV1.LINUX
          : AmdV1.LINUX.withEncryptionBit(Math.clamp(encryptionBit, 0, Long.SIZE));
    } catch (IllegalArgumentException e) {
      throw new BadInput("--c-bit: " + e.getMessage());
    }
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
        return List.of(finder.of(DeviceTableEntry.parse(entry), List.of()));
      } catch (IllegalArgumentException e) {
        throw new BadInput("--dte: " + e.getMessage());
      }
    }
    if (device != null) {
      return List.of(ofDevice(name, image, finder));
    }
    return finder.all(
        image
            .manifest()
            .filter(manifest -> !manifest.domains().isEmpty())
            .orElseThrow(() ->
                BadInput.in(
                    name,
                    "has no manifest.json that names its domains: choose a table by"
                        + " --devtab and --devid, --dte, or --root and --mode")));
  }

  private Domain atRoot(MemoryImage image) {
    int levels = Math.clamp(mode, 0, Integer.MAX_VALUE);
    int most = format().maxLevels();
    if (levels < 1 || levels > most) {
      throw new BadInput(
          "--mode must be 1 to %d, got %s".formatted(most, Long.toUnsignedString(mode)));
    }
    if (!image.memory().isBacked(root)) {
      throw new BadInput("--root: no memory at " + Numbers.hex(root) + " in the image");
    }
    return new Domain(
        Domain.UNNAMED,
        DeviceTableEntry.Kind.V1,
        new TableRoot(root, levels, Access.READ_WRITE),
        List.of(),
        List.of());
  }

  private Domain ofDevice(String name, MemoryImage image, DomainFinder finder) {
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
