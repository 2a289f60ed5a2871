package dev.cleave.bench.trace;

import static dev.cleave.engine.format.Geometry.REGION_BYTES;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.IOException;
import java.io.InputStream;
import java.util.HashSet;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BundledTracesTest {
  private static final String TRACES = "/dev/cleave/bench/traces/";

  // Counted with grep; the sums are those of the README beside the traces.
  @ParameterizedTest
  @CsvSource({
    "pagestate-linux-6.12, 2, 0, 7619",
    "pagestate-linux-6.12-psc, 2, 0, 8219",
    "iommu-linux-7.3-nvme, 13196, 1406, 0",
    "iommu-linux-7.3-virtio-blk, 16817, 16815, 0",
    "iommu-linux-6.12-vfio, 25, 1159, 0",
    "iommu-linux-6.1-ahci-skewed, 13730, 1959, 0"
  })
  void everyLineOfATraceIsUnderstood(String trace, long maps, long unmaps, long conversions)
      throws IOException {
    TraceCounts counts = read(TRACES + trace + ".trace.gz").counts();
    assertEquals(maps, counts.events(TraceEvent.Kind.MAP));
    assertEquals(unmaps, counts.events(TraceEvent.Kind.UNMAP));
    assertEquals(
        conversions, counts.events(TraceEvent.Kind.SHARE) + counts.events(TraceEvent.Kind.UNSHARE));
    assertEquals(maps + unmaps + conversions, counts.events());
    assertEquals(0, counts.noEffect());
  }

  @Test
  void thePageStateTraceTouchesTheRegionsThatItsReadmeNames() throws IOException {
    Set<Long> regions = new HashSet<>();
    Set<Long> shared = new HashSet<>();
    int peak = 0;
    for (TraceEvent event : read(TRACES + "pagestate-linux-6.12.trace.gz").events()) {
      switch (event) {
        case TraceEvent.Share(_, long gpa, long length) -> {
          for (long page = gpa; page < gpa + length; page += 4096) {
            regions.add(page / REGION_BYTES);
            shared.add(page);
          }
        }
        case TraceEvent.Unshare(_, long gpa, long length) -> {
          for (long page = gpa; page < gpa + length; page += 4096) {
            shared.remove(page);
          }
        }
        default -> assertEquals(TraceEvent.Kind.MAP, event.kind());
      }
      peak = Math.max(peak, shared.size());
    }
    assertEquals(312, regions.size());
    assertEquals(132_613, peak);
  }

  @Test
  void theGoldenOpLogHoldsMapsUnmapsAndTranslations() throws IOException {
    TraceCounts counts = read("/golden/ops/ops.trace.gz").counts();
    assertEquals(1500, counts.lines());
    assertEquals(853, counts.events(TraceEvent.Kind.MAP));
    assertEquals(495, counts.events(TraceEvent.Kind.UNMAP));
    assertEquals(152, counts.events(TraceEvent.Kind.TRANSLATE));
  }

  private static TraceText read(String resource) throws IOException {
    InputStream packed = BundledTracesTest.class.getResourceAsStream(resource);
    assertNotNull(packed, resource);
    try (TraceReader reader = new TraceReader(resource, new GZIPInputStream(packed), true)) {
      return TraceText.drain(reader);
    }
  }
}
