package dev.cleave.bench.image;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Refusals;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.StringReader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Images: the first byte says which reader gets the others, which takes or refuses them. */
class ImageFuzz {
  private static final int MOST = 100_000;
  private static final int READERS = 6;
  private static final long MOST_BYTES = 1L << 42;

  @FuzzTest(maxExecutions = MOST)
  void anImageIsReadOrRefused(byte[] input) throws IOException {
    if (input.length == 0) {
      return;
    }
    byte[] rest = Arrays.copyOfRange(input, 1, input.length);
    MemorySegment file = MemorySegment.ofArray(rest);
    try (Arena arena = Arena.ofConfined()) {
      switch ((input[0] & 0xff) % READERS) {
        case 0 -> ElfCoreReader.parse("x", file);
        case 1 -> LimeReader.parse("x", file);
        case 2 -> FlattenedReader.parse("x", file, MOST_BYTES);
        case 3 -> KdumpReader.read("x", file, arena);
        case 4 -> PageIndex.parse("x", new ByteArrayInputStream(rest));
        default ->
            ManifestReader.parse(
                "x", new StringReader(new String(rest, StandardCharsets.ISO_8859_1)), 2);
      }
    } catch (BadInput refusal) {
      Refusals.check(refusal);
    }
  }
}
