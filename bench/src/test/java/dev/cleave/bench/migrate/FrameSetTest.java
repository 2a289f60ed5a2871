package dev.cleave.bench.migrate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.cleave.bench.extent.Extent;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FrameSetTest {
  private static void assertSame(BitSet expected, FrameSet set, int frames) {
    assertEquals(expected.cardinality(), set.count());
    for (int i = 0; i < frames; i++) {
      assertEquals(expected.get(i), set.holds(i));
      assertEquals(expected.nextSetBit(i), set.next(i));
    }
    assertEquals(-1, set.next(frames));
  }

  @Test
  void it_takes_what_extents_report_wherever_their_frames_begin() {
    Random random = new Random(1);
    for (int round = 0; round < 200; round++) {
      int frames = random.nextInt(300, 400);
      BitSet expected = new BitSet();
      List<TrackedExtent> extents = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        int pages = random.nextInt(1, 200);
        int first = random.nextInt(frames - pages + 1);
        TrackedExtent extent =
            new TrackedExtent(Extent.of((long) i << 30, pages * 4096L, 0, 0), first);
        for (int page = 0; page < pages; page++) {
          if (random.nextInt(4) == 0) {
            expected.set(first + page);
            var bits = extent.reported.bits();
            int at = page / 8;
            bits.set(
                ValueLayout.JAVA_BYTE,
                at,
                (byte) (bits.get(ValueLayout.JAVA_BYTE, at) | 1 << page % 8));
          }
        }
        extents.add(extent);
      }
      FrameSet set = new FrameSet(frames);
      set.addAll();
      set.take(extents);
      assertSame(expected, set, frames);
    }
  }

  @Test
  void all_are_all_and_none_behind() {
    for (int frames : new int[] {1, 63, 64, 65, 128}) {
      FrameSet set = new FrameSet(frames);
      set.addAll();
      BitSet expected = new BitSet();
      expected.set(0, frames);
      assertSame(expected, set, frames);
    }
  }
}
