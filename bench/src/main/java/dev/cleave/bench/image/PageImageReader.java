package dev.cleave.bench.image;

import dev.cleave.bench.io.BadInput;
import dev.cleave.engine.format.Geometry;
import dev.cleave.hwmodel.memory.PhysicalMemory.Piece;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A sparse page image: a directory with {@code pages.idx}, the pages in that order in {@code
 * pages.bin} or {@code pages.bin.gz}, and perhaps a {@code manifest.json}.
 */
final class PageImageReader {
  private PageImageReader() {}

  /** The pages. */
  static List<Piece> read(Path directory, Arena arena) throws IOException {
    Path index = directory.resolve(PageImageWriter.INDEX);
    if (!Files.exists(index)) {
      throw BadInput.in(directory, "holds no pages.idx, expected a page image");
    }
    long[] addresses = PageIndex.read(index);
    long bytes = (long) addresses.length << Geometry.PAGE_LOG2;
    Path pages = directory.resolve(PageImageWriter.PAGES);
    if (!Files.exists(pages)) {
      pages = directory.resolve(PageImageWriter.PAGES + ".gz");
    }
    if (!Files.exists(pages)) {
      throw BadInput.in(directory, "holds neither pages.bin nor pages.bin.gz");
    }
    MemorySegment file = MemoryImage.map(pages.toString(), bytes, arena);
    if (file.byteSize() != bytes) {
      throw BadInput.in(
          pages,
          "holds %d bytes, but pages.idx lists %d pages, which are %d bytes"
              .formatted(file.byteSize(), addresses.length, bytes));
    }
    return runs(addresses, file);
  }

  /** What is said of so many pages, null where nothing is. */
  static @Nullable Manifest manifest(Path directory, long pages) throws IOException {
    Path manifest = directory.resolve(PageImageWriter.MANIFEST);
    return Files.exists(manifest) ? ManifestReader.read(manifest, pages) : null;
  }

  /** Adjacent pages become one piece. */
  private static List<Piece> runs(long[] addresses, MemorySegment file) {
    List<Piece> pieces = new ArrayList<>();
    int first = 0;
    for (int i = 1; i <= addresses.length; i++) {
      if (i == addresses.length || addresses[i] != addresses[i - 1] + Geometry.PAGE_BYTES) {
        pieces.add(
            new Piece(
                addresses[first],
                file.asSlice(
                    (long) first << Geometry.PAGE_LOG2, (long) (i - first) << Geometry.PAGE_LOG2)));
        first = i;
      }
    }
    return pieces;
  }
}
