package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.Outputs;
import dev.cleave.engine.format.Geometry;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongUnaryOperator;
import java.util.stream.LongStream;

/** Writes a page image that {@code cleave inspect} reads. */
public final class PageImageWriter {
  static final String INDEX = "pages.idx";
  static final String PAGES = "pages.bin";
  static final String MANIFEST = "manifest.json";

  private PageImageWriter() {}

  /**
   * Writes {@code pages.idx}, {@code pages.bin} and {@code manifest.json}.
   *
   * @param directory where to; made if it is not there, files of these names are replaced
   * @param pages physical addresses of the pages to write, 4 KiB-aligned, each once, in any order
   * @param word the 8-byte word at a physical address
   * @param manifest what to say of them
   * @throws BadInput if the directory or a file cannot be made
   * @throws IOException if writing fails
   */
  public static void write(Path directory, long[] pages, LongUnaryOperator word, Manifest manifest)
      throws IOException {
    long[] sorted = sorted(pages);
    try {
      Files.createDirectories(directory);
    } catch (IOException e) {
      throw BadInput.cannotUse(directory, e);
    }
    try (Writer index = Outputs.open(directory.resolve(INDEX).toString())) {
      for (long page : sorted) {
        index.write(Numbers.hex(page) + "\n");
      }
    }
    try (OutputStream out =
        new BufferedOutputStream(Files.newOutputStream(directory.resolve(PAGES)), 1 << 16)) {
      ByteBuffer bytes = ByteBuffer.allocate(Geometry.PAGE_BYTES).order(ByteOrder.LITTLE_ENDIAN);
      for (long page : sorted) {
        bytes.clear();
        while (bytes.hasRemaining()) {
          bytes.putLong(word.applyAsLong(page + bytes.position()));
        }
        out.write(bytes.array());
      }
    }
    Outputs.json(directory.resolve(MANIFEST).toString(), json(sorted.length, manifest));
  }

  /** Unsigned order, as the reader wants it. */
  private static long[] sorted(long[] pages) {
    return LongStream.of(pages)
        .map(page -> page + Long.MIN_VALUE)
        .sorted()
        .map(page -> page + Long.MIN_VALUE)
        .toArray();
  }

  private static Map<String, Object> json(int pages, Manifest manifest) {
    Map<String, Object> devices = new LinkedHashMap<>();
    manifest
        .devices()
        .forEach((device, entry) ->
            devices.put(
                device.toString(),
                Map.of("devid", Numbers.hex(device.value()), "dte_raw", entry.toHex())));
    List<Map<String, Object>> domains = manifest.domains().stream().map(d -> json(d)).toList();
    Map<String, Object> json = new LinkedHashMap<>();
    if (manifest.deviceTable().isPresent()) {
      json.put(
          "mmio_regs", Map.of("dev_tab_base", Numbers.hex(manifest.deviceTable().getAsLong())));
    }
    json.put(
        "page_image",
        Map.of("index", INDEX, "blobs", PAGES, "page_size", Geometry.PAGE_BYTES, "n_pages", pages));
    if (manifest.rmpDump() != null) {
      json.put("rmp", Map.of("dump", manifest.rmpDump()));
    }
    json.put("iommu_devices", devices);
    json.put("domains", domains);
    return json;
  }

  private static Map<String, Object> json(Manifest.Domain domain) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("domain_id", domain.domainId());
    json.put("root", Numbers.hex(domain.root()));
    json.put("mode", domain.mode());
    json.put("format", domain.isX86() ? "x86" : "v1");
    json.put("devices", domain.devices().stream().map(DeviceId::toString).toList());
    return json;
  }
}
