package dev.cleave.bench.image;

import static org.junit.jupiter.api.Assertions.fail;

import dev.cleave.bench.io.BadInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

/** Good inputs made bad, the same ones in every run. */
public final class Mutants {
  /** Inputs for each reader in the default build. */
  public static final int COUNT = 20_000;

  private static final long SEED = 15;

  /** What reads an input. */
  public interface Reader {
    void read(byte[] input) throws IOException;
  }

  private Mutants() {}

  /** Feeds mutants to a reader, which must take them or refuse them by {@link BadInput}. */
  public static void feed(List<byte[]> seeds, Reader reader) {
    Random random = new Random(SEED);
    for (int i = 0; i < COUNT; i++) {
      byte[] mutant = seeds.get(random.nextInt(seeds.size())).clone();
      for (int changes = random.nextInt(4); changes >= 0; changes--) {
        mutant = changed(mutant, random);
      }
      try {
        reader.read(mutant);
      } catch (BadInput e) {
        if (e.getMessage() == null || e.getMessage().contains("Exception")) {
          fail("no words for a person: " + e.getMessage());
        }
      } catch (IOException | RuntimeException | Error e) {
        fail("input %d: %s".formatted(i, shown(mutant)), e);
      }
    }
  }

  /** The same for a text. */
  public static void feedText(List<String> seeds, Reader reader) {
    feed(seeds.stream().map(seed -> seed.getBytes(StandardCharsets.ISO_8859_1)).toList(), reader);
  }

  private static byte[] changed(byte[] input, Random random) {
    if (input.length == 0) {
      return new byte[] {(byte) random.nextInt()};
    }
    int at = random.nextInt(input.length);
    int length = 1 + random.nextInt(Math.min(16, input.length - at));
    switch (random.nextInt(7)) {
      case 0 -> input[at] ^= (byte) (1 << random.nextInt(8));
      case 1 -> input[at] = (byte) random.nextInt();
      case 2 -> Arrays.fill(input, at, at + length, (byte) -random.nextInt(2));
      case 3 -> {
        return Arrays.copyOf(input, at);
      }
      case 4 -> {
        int from = random.nextInt(input.length - length + 1);
        System.arraycopy(input, from, input, at, length);
      }
      case 5 -> {
        byte[] longer = Arrays.copyOf(input, input.length + length);
        System.arraycopy(input, at, longer, at + length, input.length - at);
        return longer;
      }
      default -> {
        int header = random.nextInt(Math.min(64, input.length));
        input[header] = (byte) (random.nextInt(3) - 1);
      }
    }
    return input;
  }

  private static String shown(byte[] input) {
    return HexFormat.of().formatHex(input, 0, Math.min(input.length, 512));
  }
}
