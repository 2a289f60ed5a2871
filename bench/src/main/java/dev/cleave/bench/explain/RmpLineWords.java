package dev.cleave.bench.explain;

import dev.cleave.bench.dmesg.KernelLine;
import dev.cleave.bench.image.rmp.Rmp;
import dev.cleave.bench.image.rmp.RmpWords;
import dev.cleave.bench.io.Numbers;
import dev.cleave.engine.format.Geometry;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What the kernel says of the RMP, in words. Source: {@code docs/spec/rmp.md} §1 and §2. */
final class RmpLineWords {
  private static final List<String> RESULTS =
      List.of(
          "success",
          "bad input (alignment or size)",
          "no permission (the page is immutable)",
          "in use",
          "overlap (a 4K page inside a 2M entry, or 2M over assigned 4K pages)");

  private RmpLineWords() {}

  static Explanation of(KernelLine.RmpEntry line) {
    Rmp.Entry entry = new Rmp.Entry(line.low(), line.high());
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("spa", spa(line.pfn()));
    fields.putAll(RmpWords.fields(entry));
    List<String> details = new ArrayList<>();
    RmpWords.fields(entry).forEach((name, value) -> details.add(name + " " + value));
    return new Explanation(
        "rmp-entry",
        "RMP entry of %s: %s".formatted(spa(line.pfn()), RmpWords.of(entry)),
        fields,
        details);
  }

  static Explanation of(KernelLine.RmpRegion line) {
    return simple(
        "rmp-region",
        "the RMP entries of %s to %s follow, those that are not zero; %s itself is unassigned"
            .formatted(spa(line.first()), spa(line.end()), spa(line.pfn())),
        "first",
        spa(line.first()),
        "end",
        spa(line.end()));
  }

  static Explanation of(KernelLine.RmpUpdateFailed line) {
    String result =
        line.result() >= 0 && line.result() < RESULTS.size()
            ? RESULTS.get((int) line.result())
            : "a result that is not known here";
    return simple(
        "rmpupdate",
        "RMPUPDATE of %s as %s failed: %d, %s"
            .formatted(
                spa(line.pfn()),
                line.level() == 1 ? "4K" : line.level() == 2 ? "2M" : "level " + line.level(),
                line.result(),
                result),
        "spa",
        spa(line.pfn()),
        "result",
        line.result());
  }

  static Explanation of(KernelLine.RmpRange line) {
    return simple(
        "rmp-range",
        "the RMP lies at %s to %s: inspect --rmp %s:%s"
            .formatted(
                Numbers.hex(line.first()),
                Numbers.hex(line.last()),
                Numbers.hex(line.first()),
                Numbers.hex(line.last())),
        "first",
        Numbers.hex(line.first()),
        "last",
        Numbers.hex(line.last()));
  }

  static Explanation of(KernelLine.RmpSegment line) {
    return simple(
        "rmp-segment",
        "segment %d of the RMP, at %s to %s, describes %s to %s: inspect --rmp-segments FILE"
            .formatted(
                line.number(),
                Numbers.hex(line.first()),
                Numbers.hex(line.last()),
                Numbers.hex(line.coveredFirst()),
                Numbers.hex(line.coveredLast())),
        "first",
        Numbers.hex(line.first()),
        "coveredFirst",
        Numbers.hex(line.coveredFirst()));
  }

  static Explanation of(KernelLine.Leaked line) {
    return simple(
        "rmp-leak",
        "%s to %s could not be given back to the hypervisor and are never used again"
            .formatted(spa(line.first()), spa(line.end())),
        "first",
        spa(line.first()),
        "end",
        spa(line.end()));
  }

  static Explanation of(KernelLine.RmpFault line) {
    return simple(
        "rmp-fault",
        "the processor met an RMP fault at gpa %s that KVM did not expect: neither a page to convert"
                .formatted(Numbers.hex(line.gpa()))
            + " nor one to split",
        "gpa",
        Numbers.hex(line.gpa()),
        "side",
        "cpu");
  }

  static Explanation of(KernelLine.SplitFailed line) {
    return simple(
        "psmash",
        "PSMASH of %s, gpa %s, failed: %d"
            .formatted(spa(line.pfn()), Numbers.hex(line.gpa()), line.result()),
        "gpa",
        Numbers.hex(line.gpa()),
        "spa",
        spa(line.pfn()));
  }

  private static String spa(long pfn) {
    return Numbers.hex(pfn << Geometry.PAGE_LOG2);
  }

  private static Explanation simple(
      String kind, String words, String key, Object value, String otherKey, Object other) {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put(key, value);
    fields.put(otherKey, other);
    return new Explanation(kind, words, fields, List.of());
  }
}
