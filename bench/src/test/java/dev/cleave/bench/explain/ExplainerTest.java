package dev.cleave.bench.explain;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.image.Mutants;
import dev.cleave.bench.io.TextLines;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Texts of many lines, whole and broken. */
class ExplainerTest {
  private static final String DMESG =
      """
      [1.0] AMD-Vi: Event logged [ILLEGAL_DEV_TABLE_ENTRY device=0000:01:00.0 pasid=0x00000 \
      address=0xfffffffdf8000000 flags=0x0080]
      [1.0] AMD-Vi: Control Reg : 0x1005
      [1.0] AMD-Vi: DTE[0]: 6000000000004603
      [1.0] AMD-Vi: DTE[1]: 0000000000000038
      [1.0] AMD-Vi: DTE[2]: 20000001373b8013
      [1.0] AMD-Vi: DTE[3]: 0000000000000000
      [1.0] AMD-Vi: Event logged [ILLEGAL_COMMAND_ERROR address=0x1000]
      [1.0] AMD-Vi: CMD[0]: 00000000
      [1.0] AMD-Vi: CMD[1]: 30000038
      [1.0] AMD-Vi: CMD[2]: fffff003
      [1.0] AMD-Vi: CMD[3]: 7fffffff
      [1.0] SEV-SNP: RMPUPDATE failed for PFN 200, pg_level: 2, ret: 4
      [1.0] SEV-SNP: Leaking PFN range 0x146800-0x146a00
      [1.0] SEV: Unable to split RMP entry for GPA 0x1000 PFN 0x20 ret -16
      [1.0] SEV: Unexpected RMP fault for GPA 0x1000
      [1.0] SEV-SNP: RMP table physical range [0x7e000000 - 0x7f0fffff]
      [1.0] SEV-SNP: RMP segment 1 physical address [0x1000 - 0x1fff] covering [0x4000 - 0x7fff]
      """;

  private static List<String> words(String text) {
    Explainer explainer = new Explainer(null);
    List<String> words = new ArrayList<>();
    for (String line : text.lines().toList()) {
      switch (explainer.take(line)) {
        case Explainer.Explained(String prefix, Explanation explanation) -> {
          assertEquals("[1.0] ", prefix);
          words.add(explanation.words());
        }
        case Explainer.Held() -> {}
        default -> words.add("?");
      }
    }
    return words;
  }

  @Test
  void whatTakesFourLinesIsExplainedOnce() {
    List<String> words = words(DMESG);
    assertEquals(11, words.size(), words.toString());
    assertEquals("control register 0x1005: IommuEn, EventLogEn, CmdBufEn", words.get(1));
    assertEquals(
        "device table entry of 01:00.0: v1, domain 56, root 0x4000, 3 levels, read and write",
        words.get(2));
    assertTrue(words.get(4).startsWith("command INVALIDATE_IOMMU_PAGES domain 56"), words.get(4));
    assertTrue(words.get(5).contains("0x200000 as 2M failed: 4, overlap"), words.get(5));
    assertTrue(words.get(9).contains("inspect --rmp 0x7e000000:0x7f0fffff"), words.get(9));
  }

  @Test
  void aLineWithoutABeginningIsNotHeldForEver() {
    Explainer explainer = new Explainer(null);
    assertInstanceOf(Explainer.Held.class, explainer.take("DTE[0]: 0000000000000000"));
    assertInstanceOf(Explainer.Bad.class, explainer.take("DTE[3]: 0000000000000000"));
    assertInstanceOf(Explainer.Held.class, explainer.take("DTE[0]: 0000000000000000"));
  }

  @Test
  void whateverATextHoldsEveryLineHasAnOutcome() {
    Mutants.feedText(
        List.of(DMESG),
        input -> {
          Explainer explainer = new Explainer(null);
          try (TextLines lines = new TextLines("x", new ByteArrayInputStream(input))) {
            lines.forEach(explainer::take);
          }
        });
  }

  @Test
  void aLineWithoutEndTakesNoMoreMemoryThanOthers() throws Exception {
    byte[] endless = "x".repeat(1 << 20).concat("\r\nDTE").getBytes(StandardCharsets.US_ASCII);
    try (TextLines lines = new TextLines("x", new ByteArrayInputStream(endless))) {
      List<Integer> lengths = new ArrayList<>();
      lines.forEach(line -> lengths.add(line.length()));
      assertEquals(List.of(1 << 14, 3), lengths);
      assertEquals(2, lines.number());
    }
  }
}
