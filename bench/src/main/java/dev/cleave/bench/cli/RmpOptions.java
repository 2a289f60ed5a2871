package dev.cleave.bench.cli;

import dev.cleave.bench.image.Manifest;
import dev.cleave.bench.image.MemoryImage;
import dev.cleave.bench.image.rmp.MemoryRmp;
import dev.cleave.bench.image.rmp.PrintedRmp;
import dev.cleave.bench.image.rmp.Rmp;
import dev.cleave.bench.image.rmp.RmpJudge;
import dev.cleave.bench.image.rmp.RmpOwners;
import dev.cleave.bench.image.rmp.RmpSegments;
import dev.cleave.bench.image.table.Domain;
import dev.cleave.bench.image.table.TableDecoder;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Numbers;
import dev.cleave.bench.io.TextLines;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.rmp.RmpEntry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options that say where the RMP beside a table is, and what comes of them. */
final class RmpOptions {
  private static final long MOST_SPA = (1L << 52) - 1;

  @Option(
      names = "--rmp",
      paramLabel = "ADDR[:END]",
      description =
          "Where the RMP lies in the image, as dmesg has its physical range; END is its last byte,"
              + " or the one behind (default: it describes what the image holds).")
  private String place;

  @Option(
      names = "--rmp-segments",
      paramLabel = "SIZE|FILE",
      description =
          "The RMP is in segments: each of SIZE of memory, listed behind --rmp, or as the RMP"
              + " segment lines of dmesg in FILE say.")
  private String segments;

  @Option(
      names = "--rmp-dump",
      paramLabel = "FILE",
      description = "The RMP as dmesg prints entries of it; what it does not tell is not known.")
  private String dump;

  @Option(
      names = "--asid",
      paramLabel = "N",
      description =
          "The guest whose private pages a table may lead to, 0 for none (default: the one that"
              + " owns most of them).")
  private Long asid;

  /** Checks what can be checked before the image is read. */
  void check() {
    if (dump != null && (place != null || segments != null)) {
      throw new BadInput("--rmp-dump and --rmp/--rmp-segments exclude each other");
    }
    if (place != null) {
      var _ = range();
    }
    if (segments != null && isSize() != (place != null)) {
      throw new BadInput(
          isSize()
              ? "--rmp-segments with a size needs --rmp"
              : "--rmp-segments with a file of dmesg says itself where they lie: no --rmp");
    }
    if (segments != null && isSize()) {
      long bytes = Numbers.parse(segments);
      if (Long.bitCount(bytes) != 1 || bytes < Geometry.REGION_BYTES) {
        throw new BadInput("--rmp-segments must be a power of two of at least 2M, got " + segments);
      }
      if (place.indexOf(':') >= 0) {
        throw new BadInput("--rmp ends where its segments do: with --rmp-segments, no :END");
      }
    }
    if (asid != null && (asid < 0 || asid >= RmpEntry.ASIDS)) {
      throw new BadInput("--asid must be 0 to 1023, got " + Long.toUnsignedString(asid));
    }
  }

  /** Whether any option is given. */
  boolean isAny() {
    return place != null || segments != null || dump != null || asid != null;
  }

  private boolean isSize() {
    return segments.matches("(0x[0-9a-fA-F]+|[0-9]+)[KMGTkmgt]?");
  }

  /** The RMP that the options choose, else that of the manifest; null where there is none. */
  @Nullable Rmp open(String image, MemoryImage opened) {
    if (dump != null) {
      return read(dump, PrintedRmp::parse);
    }
    if (segments != null) {
      return new MemoryRmp(
          opened.memory(),
          isSize()
              ? RmpSegments.parse(opened.memory(), range()[0], Numbers.parse(segments))
              : read(segments, RmpSegments::parse));
    }
    if (place != null) {
      return inOnePiece(opened);
    }
    String noted = opened.manifest().map(Manifest::rmpDump).orElse(null);
    return noted == null ? null : read(Path.of(image).resolve(noted).toString(), PrintedRmp::parse);
  }

  private Rmp inOnePiece(MemoryImage opened) {
    long base = range()[0];
    long last = range()[1];
    long entries = MemoryRmp.entries(base);
    if (!opened.memory().isBacked(entries)) {
      throw new BadInput(
          "--rmp: no memory at %s in the image, where its first entry would be"
              .formatted(Numbers.hex(entries)));
    }
    long covered =
        last == 0
            ? (opened.last() & MOST_SPA & -Geometry.REGION_BYTES) + Geometry.REGION_BYTES
            : MemoryRmp.covered(last + 1 - entries);
    return MemoryRmp.contiguous(opened.memory(), base, covered);
  }

  /** First and last byte of --rmp, the last 0 when it is not said. */
  private long[] range() {
    List<String> ends = List.of(place.split(":", -1));
    try {
      long base = Numbers.parse(ends.getFirst());
      long last = ends.size() > 1 ? Numbers.parse(ends.get(1)) : 0;
      if (ends.size() > 1 && (last & Geometry.offsetMask(Geometry.PAGE_LOG2)) == 0) {
        last--;
      }
      boolean isPages =
          (base & Geometry.offsetMask(Geometry.PAGE_LOG2)) == 0
              && (ends.size() == 1 || (last + 1 & Geometry.offsetMask(Geometry.PAGE_LOG2)) == 0);
      boolean isOrdered =
          ends.size() == 1 || Long.compareUnsigned(last, MemoryRmp.entries(base & -4096L)) > 0;
      if (ends.size() <= 2
          && isPages
          && isOrdered
          && (base & ~MOST_SPA) == 0
          && (last & ~MOST_SPA) == 0) {
        return new long[] {base, last};
      }
    } catch (NumberFormatException e) {
      throw new BadInput("--rmp: " + e.getMessage());
    }
    throw new BadInput(
        "--rmp is %s, expected ADDR or ADDR:END, whole 4096-byte pages below 2^52 with more than the"
                .formatted(place)
            + " 16K of bookkeeping");
  }

  private static <T> T read(String file, BiFunction<String, Iterable<String>, T> reader) {
    try (TextLines lines = TextLines.open(file)) {
      return reader.apply(lines.name(), lines);
    } catch (IOException e) {
      throw BadInput.cannotUse(file, e);
    }
  }

  /** Who judges the leaves of a domain; null where no RMP has a say. */
  @Nullable RmpJudge judge(@Nullable Rmp rmp, MemoryImage opened, Domain domain) {
    if (rmp == null || !domain.hasTable() || !domain.root().leadsFromGpa()) {
      return null;
    }
    if (asid != null) {
      return new RmpJudge(rmp, asid.intValue());
    }
    RmpOwners owners = new RmpOwners(rmp);
    TableDecoder.decode(opened.memory(), domain.root(), owners);
    return new RmpJudge(rmp, owners.asid());
  }
}
