package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.bench.trace.LiveMaps.Live;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranges against bits, in windows at both ends of the address space. */
class RangesTest {
  private static final int WINDOW = 40;

  @ParameterizedTest
  @ValueSource(longs = {0, Long.MAX_VALUE - 20, -WINDOW})
  void aSetOfRangesIsASetOfBits(long base) {
    Random random = new Random(base);
    for (int round = 0; round < 2000; round++) {
      Ranges ranges = new Ranges();
      BitSet bits = new BitSet();
      for (int i = random.nextInt(6); i >= 0; i--) {
        int first = random.nextInt(WINDOW);
        int last = first + random.nextInt(WINDOW - first);
        ranges.add(base + first, base + last);
        bits.set(first, last + 1);
      }
      int first = random.nextInt(WINDOW);
      int last = first + random.nextInt(WINDOW - first);
      BitSet missing = new BitSet();
      for (Ranges.Range range : ranges.without(base + first, base + last)) {
        missing.set((int) (range.first() - base), (int) (range.last() - base) + 1);
      }
      BitSet expected = new BitSet();
      expected.set(first, last + 1);
      expected.andNot(bits);
      assertEquals(expected, missing);
      assertEquals(expected.isEmpty(), ranges.holds(base + first, base + last));
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {0, Long.MAX_VALUE - 20, -WINDOW})
  void liveMapsAreAnArrayOfNumbers(long base) {
    Random random = new Random(base);
    for (int round = 0; round < 2000; round++) {
      LiveMaps maps = new LiveMaps();
      long[] numbers = new long[WINDOW];
      for (int i = 1 + random.nextInt(8); i > 0; i--) {
        int first = random.nextInt(WINDOW);
        int last = first + random.nextInt(WINDOW - first);
        long number = random.nextInt(3) == 0 ? 0 : i;
        if (number == 0) {
          maps.remove(base + first, base + last);
        } else {
          maps.put(new Live(base + first, base + last, "", number, true));
        }
        Arrays.fill(numbers, first, last + 1, number);
      }
      long[] found = new long[WINDOW];
      List<Live> all = maps.over(base, base + WINDOW - 1);
      for (Live live : all) {
        Arrays.fill(
            found, (int) (live.first() - base), (int) (live.last() - base) + 1, live.number());
      }
      assertEquals(box(numbers), box(found));
      long mapped = Arrays.stream(numbers, 7, 23).filter(n -> n != 0).count();
      assertEquals(mapped, maps.mappedBytes(base + 7, base + 22));
    }
  }

  private static String box(long[] numbers) {
    return Arrays.toString(numbers);
  }
}
