package dev.cleave.bench.trace;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Who tells of maps and unmaps in a log, and what follows from that.
 *
 * <p>Not thread-safe.
 */
final class MapSources {
  private final Map<Source, Long> maps = new EnumMap<>(Source.class);
  private final Map<Source, Long> unmaps = new EnumMap<>(Source.class);
  private long states;

  /** Takes note of what is told. */
  void note(Told told) {
    switch (told.event()) {
      case TraceEvent.Map _ -> maps.merge(told.source(), 1L, Long::sum);
      case TraceEvent.Unmap _ -> unmaps.merge(told.source(), 1L, Long::sum);
      case TraceEvent.Share _, TraceEvent.Unshare _ -> states++;
      default -> {}
    }
  }

  private boolean has(Source source) {
    return maps.containsKey(source) || unmaps.containsKey(source);
  }

  /** Whether what the listener was told is all that is known of maps. */
  boolean needListener() {
    return !has(Source.IOMMUFD) && !has(Source.IOMMU_TRACEPOINT);
  }

  /** What a person has to know. */
  List<String> warnings(DomainSorter sorter) {
    List<String> warnings = new ArrayList<>();
    if (maps.isEmpty()) {
      nothingMapped(warnings);
    }
    if (maps.containsKey(Source.LISTENER) && needListener()) {
      warnings.add(
          "maps are taken from "
              + Source.LISTENER.words()
              + ", which say what was to be mapped; iommufd_backend_* say what was");
    }
    if (has(Source.IOMMUFD) && has(Source.IOMMU_TRACEPOINT)) {
      warnings.add(
          "QEMU and the kernel both tell of maps: what may be one address space stands here as"
              + " several; choose with --space");
    }
    if (sorter.conflicts() > 0) {
      warnings.add(
          ("iommu:map and iommu:unmap name no domain, and %d maps (the first in line %d) lie over"
                  + " live ones: several domains are mixed here and were told apart as domain1 to"
                  + " domain%d as far as that is possible; trace while one device works, or choose"
                  + " with --space")
              .formatted(sorter.conflicts(), sorter.firstConflict(), sorter.domains()));
    }
    return warnings;
  }

  private void nothingMapped(List<String> warnings) {
    if (unmaps.containsKey(Source.IOMMU_TRACEPOINT)) {
      warnings.add(
          "the kernel logs unmaps and not one map: on AMD, kernels from 7.0-stable to 7.1-rc lost"
              + " the tracepoint iommu:map until it was repaired in May 2026; trace on another"
              + " kernel");
    } else if (states > 0) {
      warnings.add(
          "page states change, but nothing was ever mapped, so every table stays empty; log maps"
              + " too: "
              + TraceCounts.MAP_EVENTS);
    } else if (!unmaps.isEmpty()) {
      warnings.add("there are unmaps and not one map: the log begins too late");
    }
  }
}
