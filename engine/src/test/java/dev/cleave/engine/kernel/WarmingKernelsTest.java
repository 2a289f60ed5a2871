package dev.cleave.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;

/** The contract, while calls change over from plain to vector kernels. */
@EnabledIf("dev.cleave.engine.kernel.VectorKernelsTest#isThere")
class WarmingKernelsTest extends TableKernelsContract {
  private static final WarmingKernels STARTED = new WarmingKernels();

  static {
    work(STARTED, WarmingKernels.START_WORDS + 1);
  }

  @Override
  TableKernels kernels() {
    return STARTED;
  }

  private static void work(WarmingKernels kernels, long words) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(1L << 20, 8);
      int count = (int) (memory.byteSize() / Long.BYTES);
      for (long done = 0; done < words; done += count) {
        kernels.zero(memory, 0, count);
      }
    }
  }

  @Test
  void itSaysWhichComesFirstAndWhichThen() {
    VectorKernels vector = new VectorKernels();
    assertEquals(vector.isWideEnough() ? "plain, then " + vector : "plain", kernels().toString());
  }

  @Test
  void nothingIsWarmedBeforeMuchWorkIsDone() {
    WarmingKernels kernels = new WarmingKernels();
    work(kernels, WarmingKernels.START_WORDS - (1 << 20));
    assertFalse(kernels.isStarted());
  }

  @Test
  @Timeout(value = 60, unit = TimeUnit.SECONDS)
  void warmingComesToAnEndThatItSays() throws InterruptedException {
    assertTrue(STARTED.isStarted());
    while (!STARTED.isDone()) {
      Thread.sleep(10);
    }
    assertTrue(
        STARTED.progress().startsWith("vector") || STARTED.progress().startsWith("plain for good"),
        STARTED.progress());
  }
}
