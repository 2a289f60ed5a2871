package dev.cleave.bench.dmesg;

import dev.cleave.bench.image.DeviceId;
import java.util.SequencedMap;
import org.jspecify.annotations.Nullable;

/**
 * What one line of the kernel says. Whatever stands in front of it (time, host, driver) does not
 * matter; numbers are unsigned. Source: {@code docs/spec/log-formats.md} §3.
 */
public sealed interface KernelLine {
  /**
   * An event of the IOMMU.
   *
   * @param name as the specification has it, {@code UNKNOWN} for others
   * @param driver the driver of the device, where the line begins with them
   * @param device whose request it was, where the line says so
   * @param fields all other fields in the order of the line
   */
  record Event(
      String name,
      @Nullable String driver,
      @Nullable DeviceId device,
      SequencedMap<String, Long> fields)
      implements KernelLine {
    /**
     * A field.
     *
     * @return its value, 0 where the line has none of that name
     */
    public long field(String key) {
      return fields.getOrDefault(key, 0L);
    }
  }

  /** One quadword of a device table entry, of four lines: {@code DTE[0]} is bits 63:0. */
  record EntryWord(int index, long value) implements KernelLine {}

  /** A whole device table entry with its device, as debugfs prints it. */
  record EntryRow(DeviceId device, long q3, long q2, long q1, long q0) implements KernelLine {}

  /** Four bytes of a command, of four lines. */
  record CommandWord(int index, long value) implements KernelLine {}

  /** A whole command, as debugfs prints the command buffer. */
  record CommandRow(long index, long q0, long q1) implements KernelLine {}

  /** The raw RMP entry of a page. */
  record RmpEntry(long pfn, long low, long high) implements KernelLine {}

  /**
   * The entries of a region follow, those that are not zero.
   *
   * @param pfn the page because of which
   * @param first the region's first page
   * @param end the page behind its last
   */
  record RmpRegion(long pfn, long first, long end) implements KernelLine {}

  /** RMPUPDATE failed. */
  record RmpUpdateFailed(long pfn, long level, long result) implements KernelLine {}

  /** Where the RMP lies, the last address included. */
  record RmpRange(long first, long last) implements KernelLine {}

  /** Where a segment of the RMP lies and what it describes, the last addresses included. */
  record RmpSegment(long number, long first, long last, long coveredFirst, long coveredLast)
      implements KernelLine {}

  /** Pages that could not be given back. */
  record Leaked(long first, long end) implements KernelLine {}

  /** KVM met an RMP fault that it did not expect. */
  record RmpFault(long gpa) implements KernelLine {}

  /** KVM could not split an RMP entry. */
  record SplitFailed(long gpa, long pfn, long result) implements KernelLine {}

  /** What the IOMMU can do. */
  record Features(long efr, long efr2) implements KernelLine {}

  /** The control register, beside an illegal device table entry. */
  record Control(long value) implements KernelLine {}

  /** Lines that the rate limit left out. */
  record Suppressed(long lines) implements KernelLine {}

  /** A line that is one of these and has a value that cannot be read. */
  record Malformed(String problem) implements KernelLine {}

  /** Anything else. */
  record Other() implements KernelLine {}
}
