package dev.cleave.bench.dmesg;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.cleave.bench.explain.Explainer;
import dev.cleave.bench.io.BadInput;
import dev.cleave.bench.io.Refusals;
import java.nio.charset.StandardCharsets;

/** What the kernel prints: every line has an outcome, every entry is found or missed in words. */
class KernelTextFuzz {
  private static final int MOST = 50_000;

  @FuzzTest(maxExecutions = MOST)
  void aTextIsExplainedOrRefused(byte[] input) {
    String text = new String(input, StandardCharsets.ISO_8859_1);
    Explainer explainer = new Explainer(null);
    text.lines().forEach(explainer::take);
    for (EntryTexts.Order order : EntryTexts.Order.values()) {
      try {
        EntryTexts.parse("x", text, order);
      } catch (BadInput refusal) {
        Refusals.check(refusal);
      }
    }
  }
}
