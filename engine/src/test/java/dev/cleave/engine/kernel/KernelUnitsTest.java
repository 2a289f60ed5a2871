package dev.cleave.engine.kernel;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.fixture.MethodSizes;
import java.io.IOException;
import java.lang.classfile.instruction.InvokeInstruction;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/**
 * C2 inlines no method that is longer than its FreqInlineSize: between a long loop and whoever
 * calls a kernel there must be one. Otherwise luck decides how deep the loop is inlined, and
 * whether it can still be made vectors of.
 */
class KernelUnitsTest {
  private static final String LOOPS = "dev/cleave/engine/kernel/LongRuns";
  private static final Set<String> UNITS =
      Set.of("fill", "or", "countAny", "progressionBits", "blockProgressionBits", "gather");

  @Test
  void noLongLoopIsInlinedIntoWhoCallsAKernel() throws IOException {
    Map<String, Integer> loops = MethodSizes.of(LongRuns.class);
    int ways = 0;
    for (var method : MethodSizes.read(PlainKernels.class).methods()) {
      int size = MethodSizes.size(method.code().orElseThrow());
      for (var element : method.code().orElseThrow()) {
        if (element instanceof InvokeInstruction call
            && call.owner().asInternalName().equals(LOOPS)
            && UNITS.contains(call.name().stringValue())) {
          ways++;
          String name = call.name().stringValue();
          assertTrue(
              Math.max(size, loops.getOrDefault(name, 0)) > MethodSizes.FREQ_INLINE_SIZE,
              () -> "%s, of %d bytes, leads to %s".formatted(method.methodName(), size, name));
        }
      }
    }
    assertEquals(9, ways, "ways to a long loop");
  }

  /** C2 inlines what is not longer than its MaxInlineSize wherever it is called. */
  @Test
  void whatOnlyChoosesAWayIsInlinedEverywhere() throws IOException {
    Map<String, Integer> sizes = MethodSizes.of(PlainKernels.class);
    for (String method : List.of("fill", "replicate", "zero")) {
      int size = sizes.getOrDefault(method, Integer.MAX_VALUE);
      assertTrue(size <= MethodSizes.MAX_INLINE_SIZE, () -> method + " has " + size + " bytes");
    }
  }

  /** Where C2 inlined them before they were in use, it would leave what they call as calls. */
  @Test
  void theReplicasOfALeafAreACallEverywhere() throws IOException {
    Map<String, Integer> sizes = MethodSizes.of(PlainKernels.class);
    for (String method : List.of("replicateShort", "replicaBits")) {
      int size = sizes.getOrDefault(method, 0);
      assertTrue(size > MethodSizes.FREQ_INLINE_SIZE, () -> method + " has " + size + " bytes");
    }
  }
}
