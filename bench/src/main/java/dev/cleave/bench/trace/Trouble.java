package dev.cleave.bench.trace;

import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Lines about what is missing from a log, and about what failed. */
final class Trouble {
  /** How ftrace, trace-cmd, perf, the kernel's and the journal's rate limits say it. */
  private static final List<Pattern> LOST =
      List.of(
          Pattern.compile("\\[LOST(?: (\\d+))? EVENTS\\]"),
          Pattern.compile("\\[(\\d+) EVENTS DROPPED\\]"),
          Pattern.compile("PERF_RECORD_LOST(?:_SAMPLES)?:? lost (\\d+)"),
          Pattern.compile("LOST (\\d+) (?:events|samples|chunks)", Pattern.CASE_INSENSITIVE),
          Pattern.compile("(\\d+) callbacks suppressed"),
          Pattern.compile("Suppressed (\\d+) messages from"));

  /** What ftrace's header says was written, and what of it was still there to be read. */
  private static final Pattern HEADER =
      Pattern.compile("# entries-in-buffer/entries-written: (\\d+)/(\\d+)");

  /** Errors of QEMU and Cloud Hypervisor about a change that was logged before it was made. */
  private static final List<String> FAILURES =
      List.of(
          "Convert non guest_memfd backed memory region",
          "failed to set memory (",
          "IOMMU_IOAS_MAP failed",
          "IOMMU_IOAS_UNMAP failed",
          "vfio_ram_discard_notify_discard:",
          "vfio_ram_discard_notify_populate:",
          "confidential DMA conversion failed",
          "Error punching hole in the guest_memfd",
          "DMA map failed gpa=",
          "DMA unmap failed gpa=",
          "DMA replay map failed");

  private static final Pattern FAILED_CALL =
      Pattern.compile("vfio_(?:container_)?dma_(?:un)?map\\(.*\\) = -\\d+");

  private static final int LONGEST_NUMBER = 18;

  private Trouble() {}

  /** What a comment says is missing; null if it says nothing of it. */
  static Parsed.@Nullable Lost ofComment(String text) {
    Matcher matcher = HEADER.matcher(text);
    if (!matcher.find()) {
      return null;
    }
    long lost = number(matcher.group(2)) - number(matcher.group(1));
    return lost > 0 ? new Parsed.Lost(lost) : null;
  }

  /** What a line of no other kind says of missing lines or failures; null if nothing. */
  static @Nullable Parsed of(String text) {
    for (Pattern pattern : LOST) {
      Matcher matcher = pattern.matcher(text);
      if (matcher.find()) {
        return new Parsed.Lost(matcher.group(1) == null ? 0 : number(matcher.group(1)));
      }
    }
    boolean isFailure =
        FAILURES.stream().anyMatch(text::contains) || FAILED_CALL.matcher(text).find();
    return isFailure ? new Parsed.Failure() : null;
  }

  private static long number(String digits) {
    return digits.length() > LONGEST_NUMBER ? Long.MAX_VALUE : Long.parseLong(digits);
  }
}
