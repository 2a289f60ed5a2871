package dev.cleave.bench.explain;

import dev.cleave.bench.dmesg.EntryCollector;
import dev.cleave.bench.dmesg.EntryTexts.Found;
import dev.cleave.bench.dmesg.KernelLine;
import dev.cleave.bench.dmesg.KernelLines;
import dev.cleave.bench.io.Numbers;
import dev.cleave.hwmodel.iommu.Register;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Explains a text line by line. What takes several lines, an entry or a command, is explained at
 * the last one.
 *
 * <p>Not thread-safe.
 */
public final class Explainer {
  /** Where what a line says begins: everything before it stays as it is. */
  private static final Pattern BODY =
      Pattern.compile(
          "AMD-Vi: |SEV-SNP: |SEV: |kvm_amd: |Event logged \\[|DTE\\[|CMD\\[|PFN|RMP|Control Reg|"
              + "Extended features|Leaking|Unexpected RMP|Unable to split|amd_iommu");

  private static final int COMMAND_WORDS = 4;
  private static final int HALF_BITS = 32;

  /** What comes of a line. */
  public sealed interface Outcome {}

  /** It says something. */
  public record Explained(String prefix, Explanation explanation) implements Outcome {}

  /** It is a part of what a later line completes. */
  public record Held() implements Outcome {}

  /** It is of none of the forms. */
  public record Passed() implements Outcome {}

  /** It is of one of the forms and cannot be read. */
  public record Bad(String problem) implements Outcome {}

  private final @Nullable Tables tables;
  private final EntryCollector entries = new EntryCollector();
  private final long[] command = new long[COMMAND_WORDS];
  private int nextWord;

  /**
   * An explainer.
   *
   * @param tables the tables at hand, or null
   */
  public Explainer(@Nullable Tables tables) {
    this.tables = tables;
  }

  /** Explains a line. */
  public Outcome take(String text) {
    KernelLine line = KernelLines.parse(text);
    if (line instanceof KernelLine.Malformed bad) {
      return new Bad(bad.problem());
    }
    Optional<Found> entry;
    try {
      entry = entries.take(line);
    } catch (IllegalArgumentException e) {
      return new Bad(e.getMessage());
    }
    if (line instanceof KernelLine.EntryWord || line instanceof KernelLine.EntryRow) {
      return entry.map(found -> explained(text, EntryWords.of(found))).orElse(new Held());
    }
    return line instanceof KernelLine.CommandWord word
        ? word(text, word)
        : explanation(line).map(words -> explained(text, words)).orElse(new Passed());
  }

  private static Outcome explained(String text, Explanation explanation) {
    Matcher body = BODY.matcher(text);
    return new Explained(body.find() ? text.substring(0, body.start()) : "", explanation);
  }

  private Outcome word(String text, KernelLine.CommandWord word) {
    int expected = nextWord;
    nextWord = 0;
    if (word.index() != expected) {
      return new Bad("CMD[%d] where CMD[%d] is expected".formatted(word.index(), expected));
    }
    command[expected] = word.value();
    if (expected < COMMAND_WORDS - 1) {
      nextWord = expected + 1;
      return new Held();
    }
    return explained(
        text,
        CommandWords.of(
            command[0] | command[1] << HALF_BITS, command[2] | command[3] << HALF_BITS));
  }

  private Optional<Explanation> explanation(KernelLine line) {
    return switch (line) {
      case KernelLine.Event event -> {
        EventWords.Told told = EventWords.told(event);
        Explanation explanation = EventWords.of(told, event.driver() != null);
        yield Optional.of(tables == null ? explanation : EventWalk.with(explanation, told, tables));
      }
      case KernelLine.CommandRow row -> Optional.of(CommandWords.of(row.q0(), row.q1()));
      case KernelLine.RmpEntry entry -> Optional.of(RmpLineWords.of(entry));
      case KernelLine.RmpRegion region -> Optional.of(RmpLineWords.of(region));
      case KernelLine.RmpUpdateFailed failed -> Optional.of(RmpLineWords.of(failed));
      case KernelLine.RmpRange range -> Optional.of(RmpLineWords.of(range));
      case KernelLine.RmpSegment segment -> Optional.of(RmpLineWords.of(segment));
      case KernelLine.Leaked leaked -> Optional.of(RmpLineWords.of(leaked));
      case KernelLine.RmpFault fault -> Optional.of(RmpLineWords.of(fault));
      case KernelLine.SplitFailed failed -> Optional.of(RmpLineWords.of(failed));
      case KernelLine.Features features -> Optional.of(features(features));
      case KernelLine.Control control -> Optional.of(control(control));
      case KernelLine.Suppressed suppressed ->
          Optional.of(
              new Explanation(
                  "suppressed",
                  "%d more events were not printed: the rate limit".formatted(suppressed.lines()),
                  Map.of("events", suppressed.lines()),
                  List.of()));
      default -> Optional.empty();
    };
  }

  private static Explanation features(KernelLine.Features line) {
    Map<String, Long> names = new LinkedHashMap<>();
    names.put("PreF", Register.FEATURE_PREFETCH);
    names.put("PPR", Register.FEATURE_PPR);
    names.put("GT (guest tables)", Register.FEATURE_GUEST_TABLES);
    names.put("IA (INVALIDATE_IOMMU_ALL)", Register.FEATURE_INVALIDATE_ALL);
    names.put("HA (accessed bits)", Register.FEATURE_ACCESSED);
    names.put("HD (dirty bits)", Register.FEATURE_DIRTY);
    names.put("SNP", Register.FEATURE_SNP);
    return bits("features", "features", line.efr(), names, "efr2", line.efr2());
  }

  private static Explanation control(KernelLine.Control line) {
    Map<String, Long> names = new LinkedHashMap<>();
    names.put("IommuEn", Register.CONTROL_ENABLE);
    names.put("EventLogEn", Register.CONTROL_EVENT_LOG);
    names.put("EventIntEn", Register.CONTROL_EVENT_INTERRUPT);
    names.put("ComWaitIntEn", Register.CONTROL_COMPLETION_INTERRUPT);
    names.put("CmdBufEn", Register.CONTROL_COMMANDS);
    return bits("control", "control register", line.value(), names, "value", line.value());
  }

  private static Explanation bits(
      String kind, String what, long value, Map<String, Long> names, String key, long other) {
    List<String> set = new ArrayList<>();
    names.forEach((name, bit) -> {
      if ((value & bit) != 0) {
        set.add(name);
      }
    });
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("register", Numbers.hex(value));
    fields.put(key, Numbers.hex(other));
    fields.put("names", set);
    return new Explanation(
        kind,
        "%s %s: %s".formatted(what, Numbers.hex(value), String.join(", ", set)),
        fields,
        List.of());
  }
}
