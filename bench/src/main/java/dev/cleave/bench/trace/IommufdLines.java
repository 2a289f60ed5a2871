package dev.cleave.bench.trace;

import dev.cleave.engine.format.Access;
import java.util.Map;
import java.util.OptionalLong;

/** QEMU's events about its calls of iommufd. Each names the descriptor and the address space. */
final class IommufdLines {
  private static final String MAP = "iommufd_backend_map_dma";
  private static final String MAP_FILE = "iommufd_backend_map_file_dma";
  private static final String UNMAP = "iommufd_backend_unmap_dma";
  private static final String UNMAP_NOTHING = "iommufd_backend_unmap_dma_non_exist";
  private static final String FREE = "iommufd_backend_free_id";

  static final Map<String, BodyReader> READERS =
      Map.of(
          MAP, line -> map(line, false),
          MAP_FILE, line -> map(line, true),
          UNMAP, IommufdLines::unmap,
          UNMAP_NOTHING, _ -> new Parsed.NoEffect(),
          FREE, IommufdLines::free);

  private IommufdLines() {}

  private static Parsed map(LogLine line, boolean isOfFile) throws MalformedLineException {
    Body body =
        line.body(
            isOfFile
                ? MAP_FILE
                    + " iommufd=<n> ioas=<n> iova=<iova> size=<length> fd=<n> start=<offset>"
                    + " readonly=<n> (<code>)"
                : MAP
                    + " iommufd=<n> ioas=<n> iova=<iova> size=<length> addr=<address>"
                    + " readonly=<n> (<code>)");
    AddressSpace space = space(body);
    long iova = body.number("iova");
    long length = body.number("size");
    if (isOfFile) {
      body.number("fd");
      body.number("start");
    } else {
      // The address in QEMU's process; the C library may print it as (nil).
      body.value("addr", "vaddr");
    }
    int access = body.number("readonly") == 0 ? Access.READ_WRITE : Access.READ;
    return body.succeeded()
        ? new Parsed.Of(
            new TraceEvent.Map(line.number(), space, iova, OptionalLong.empty(), length, access),
            Source.IOMMUFD)
        : new Parsed.NoEffect();
  }

  private static Parsed unmap(LogLine line) throws MalformedLineException {
    Body body = line.body(UNMAP + " iommufd=<n> ioas=<n> iova=<iova> size=<length> (<code>)");
    AddressSpace space = space(body);
    long iova = body.number("iova");
    long length = body.number("size");
    if (!body.succeeded()) {
      return new Parsed.NoEffect();
    }
    // All of a space is 2^64 - 1 bytes, or 0, or two halves: no length has room for 2^64.
    boolean isAll = iova == 0 && (length == -1 || length == 0);
    boolean isHalf = length == Long.MIN_VALUE && (iova == 0 || iova == Long.MIN_VALUE);
    TraceEvent event =
        isAll
            ? TraceEvent.Clear.all(line.number(), space)
            : isHalf
                ? new TraceEvent.Clear(line.number(), space, iova, iova + length - 1)
                : new TraceEvent.Unmap(line.number(), space, iova, length, false);
    return new Parsed.Of(event, Source.IOMMUFD);
  }

  /** What is freed may be no address space; then no space has its name, and nothing goes. */
  private static Parsed free(LogLine line) throws MalformedLineException {
    Body body = line.body(FREE + " iommufd=<n> id=<n> (<code>)");
    AddressSpace space = AddressSpace.ofIoas(body.number("iommufd"), body.number("id"));
    return body.succeeded()
        ? new Parsed.Of(TraceEvent.Clear.all(line.number(), space), Source.IOMMUFD)
        : new Parsed.NoEffect();
  }

  private static AddressSpace space(Body body) throws MalformedLineException {
    return AddressSpace.ofIoas(body.number("iommufd"), body.number("ioas"));
  }
}
