package dev.cleave.bench.image;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.format.Geometry;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code manifest.json}: {@code domains[]} with {@code domain_id}, {@code root}, {@code
 * mode}, {@code devices} and {@code format} ({@code v1}, which need not be said, or {@code x86}),
 * and {@code iommu_devices} with each device's {@code dte_raw}; {@code mmio_regs.dev_tab_base} and
 * {@code page_image.n_pages} and {@code rmp.dump} where they are. Numbers are JSON numbers or
 * strings in decimal or 0x-hex. Whatever else it holds is of no concern.
 */
final class ManifestReader {
  /** A manifest is read whole; a larger file is not one. */
  private static final long LARGEST_BYTES = 1L << 28;

  private static final int LARGEST_DOMAIN_ID = 0xFFFF;
  private static final int LARGEST_MODE = 7;

  private final Object file;

  private ManifestReader(Object file) {
    this.file = file;
  }

  static Manifest read(Path file, long pages) throws IOException {
    if (Files.size(file) > LARGEST_BYTES) {
      throw BadInput.in(file, "holds more than 256 MiB, which no manifest does");
    }
    try (Reader in = Files.newBufferedReader(file)) {
      return parse(file, in, pages);
    }
  }

  /**
   * Reads a manifest.
   *
   * @param name what to call it
   * @param in JSON
   * @param pages how many pages it is of
   * @throws BadInput if it is none
   */
  static Manifest parse(Object name, Reader in, long pages) {
    try {
      return new ManifestReader(name).manifest(JsonParser.parseReader(in).getAsJsonObject(), pages);
    } catch (JsonParseException
        | IllegalStateException
        | UnsupportedOperationException
        | ClassCastException e) {
      throw BadInput.in(name, "is not a manifest in JSON: " + reason(e));
    }
  }

  /** The parser's own words without the name of its exception and its advice. */
  private static String reason(RuntimeException e) {
    return switch (e.getCause()) {
      case CharacterCodingException _ -> "not UTF-8";
      case IOException cause -> cause.getMessage().lines().findFirst().orElseThrow();
      case null, default -> e.getMessage();
    };
  }

  private Manifest manifest(JsonObject json, long pages) {
    JsonObject image = json.getAsJsonObject("page_image");
    if (image != null && image.has("n_pages") && number(image, "n_pages") != pages) {
      throw BadInput.in(
          file,
          "page_image.n_pages is %s, but pages.idx lists %d pages"
              .formatted(image.get("n_pages"), pages));
    }
    JsonObject registers = json.getAsJsonObject("mmio_regs");
    OptionalLong deviceTable =
        registers != null && registers.has("dev_tab_base")
            ? OptionalLong.of(number(registers, "dev_tab_base"))
            : OptionalLong.empty();
    return new Manifest(deviceTable, devices(json), domains(json), rmpDump(json));
  }

  /** A plain name: a manifest leads to no file elsewhere. */
  private @Nullable String rmpDump(JsonObject json) {
    if (!json.has("rmp")) {
      return null;
    }
    String name = member(json.getAsJsonObject("rmp"), "dump").getAsString();
    if (!name.matches("[\\w][\\w.-]*")) {
      throw BadInput.in(file, "rmp.dump is '" + name + "', expected the name of a file beside it");
    }
    return name;
  }

  private SequencedMap<DeviceId, DeviceTableEntry> devices(JsonObject json) {
    SequencedMap<DeviceId, DeviceTableEntry> devices = new LinkedHashMap<>();
    if (json.has("iommu_devices")) {
      for (var device : json.getAsJsonObject("iommu_devices").entrySet()) {
        String raw = member(device.getValue().getAsJsonObject(), "dte_raw").getAsString();
        try {
          devices.put(device(device.getKey()), DeviceTableEntry.parse(raw));
        } catch (IllegalArgumentException e) {
          throw BadInput.in(file, "iommu_devices." + device.getKey() + ": " + e.getMessage());
        }
      }
    }
    return devices;
  }

  private List<Manifest.Domain> domains(JsonObject json) {
    List<Manifest.Domain> domains = new ArrayList<>();
    JsonArray elements = member(json, "domains").getAsJsonArray();
    if (elements.size() > LARGEST_DOMAIN_ID + 1) {
      throw BadInput.in(file, "lists " + elements.size() + " domains, expected at most 65536");
    }
    for (JsonElement element : elements) {
      JsonObject domain = element.getAsJsonObject();
      List<DeviceId> devices = new ArrayList<>();
      if (domain.has("devices")) {
        domain.getAsJsonArray("devices").forEach(name -> devices.add(device(name.getAsString())));
      }
      domains.add(
          new Manifest.Domain(
              bounded(domain, "domain_id", LARGEST_DOMAIN_ID),
              root(domain),
              bounded(domain, "mode", LARGEST_MODE),
              List.copyOf(devices),
              isX86(domain)));
    }
    return domains;
  }

  private boolean isX86(JsonObject domain) {
    JsonElement format = domain.get("format");
    return switch (format == null ? "v1" : format.getAsString()) {
      case "v1" -> false;
      case "x86" -> true;
      default -> throw BadInput.in(file, "format is " + format + ", expected v1 or x86");
    };
  }

  private DeviceId device(String name) {
    try {
      return DeviceId.parse(name);
    } catch (IllegalArgumentException e) {
      throw BadInput.in(file, e.getMessage());
    }
  }

  private long root(JsonObject domain) {
    long root = number(domain, "root");
    if ((root & Geometry.offsetMask(Geometry.PAGE_LOG2)) != 0) {
      throw BadInput.in(file, "root " + domain.get("root") + " is not 4096-byte aligned");
    }
    return root;
  }

  private int bounded(JsonObject json, String name, int largest) {
    long value = number(json, name);
    if (value < 0 || value > largest) {
      throw BadInput.in(file, name + " is " + json.get(name) + ", expected 0 to " + largest);
    }
    return (int) value;
  }

  private long number(JsonObject json, String name) {
    JsonElement value = member(json, name);
    try {
      return Numbers.parse(value.getAsString());
    } catch (NumberFormatException e) {
      throw BadInput.in(file, name + ": " + e.getMessage());
    }
  }

  private JsonElement member(JsonObject json, String name) {
    JsonElement value = json.get(name);
    if (value == null) {
      throw BadInput.in(file, "'" + name + "' is missing");
    }
    return value;
  }
}
