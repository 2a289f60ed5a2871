package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.Access;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class IommuTracepointsTest {
  private static final String PREFIX = "    kworker/1:1H-44      [001] d..1.    58.769038: map: ";

  @Test
  void aMapReadsAndWrites() throws IOException {
    assertEquals(
        List.of(map(0xfff00000L, 0x105a3c000L, 4096)),
        TraceText.read(
                PREFIX
                    + "IOMMU: iova=0x00000000fff00000 - 0x00000000fff01000"
                    + " paddr=0x0000000105a3c000 size=4096")
            .events());
  }

  @Test
  void anUnmapTakesWhatWasUnmappedNotWhatWasAskedFor() throws IOException {
    assertEquals(
        List.of(unmap(1, 0xffe00000L, 2 << 20, true)),
        TraceText.read(
                "IOMMU: iova=0x00000000ffe00000 - 0x00000000ffe01000 size=4096"
                    + " unmapped_size=2097152")
            .events());
  }

  @Test
  void anUnmapOfNothingHadNoEffect() throws IOException {
    TraceText read = TraceText.read("IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=0");
    assertEquals(List.of(), read.events());
    assertEquals(1, read.counts().noEffect());
  }

  @ParameterizedTest
  @ValueSource(strings = {"0x0000000000000000", "0x10000000000000000"})
  void aRangeMayEndAtTheTopOfTheAddressSpace(String end) throws IOException {
    assertEquals(
        List.of(map(-4096, 0x1000, 4096), unmap(2, -4096, 4096, true)),
        TraceText.read(
                "IOMMU: iova=0xfffffffffffff000 - %1$s paddr=0x1000 size=4096\n".formatted(end)
                    + "IOMMU: iova=0xfffffffffffff000 - %1$s size=4096 unmapped_size=4096"
                        .formatted(end))
            .events());
  }

  @Test
  void theEndMayPass32Bits() throws IOException {
    assertEquals(
        List.of(map(0xfffff000L, 0xe6df000, 4096)),
        TraceText.read(
                "IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0xe6df000 size=4096")
            .events());
  }

  @Test
  void theEndMayBeMissingAsInOldKernels() throws IOException {
    assertEquals(
        List.of(map(0x1000, 0x2000, 4096), unmap(2, 0x1000, 4096, true)),
        TraceText.read(
                "IOMMU: iova=0x1000 paddr=0x2000 size=4096\n"
                    + "IOMMU: iova=0x1000 size=4096 unmapped_size=4096")
            .events());
  }

  @Test
  void aVendorsKernelNamesTheDevice() throws IOException {
    AddressSpace device = AddressSpace.ofDevice("1d84000.ufshc");
    assertEquals(
        List.of(
            new TraceEvent.Map(
                1, device, 0xfe902000L, OptionalLong.of(0x166602000L), 4096, Access.READ_WRITE),
            new TraceEvent.Unmap(2, device, 0xfe902000L, 4096, true)),
        TraceText.read(
                PREFIX
                    + "IOMMU: dev=1d84000.ufshc iova=0x00000000fe902000 paddr=0x0000000166602000"
                    + " size=4096\n"
                    + "IOMMU: dev=1d84000.ufshc iova=0xfe902000 size=4096 unmapped_size=4096")
            .events());
  }

  @Test
  void perfTracePrintsThemAsCalls() throws IOException {
    String prefix = "   438.308 ( 0.004 ms): CPU 0/KVM/4242 ";
    assertEquals(
        List.of(map(0x100000000L, 0x4080200000L, 0x200000), unmap(2, 0x1000, 0x2000, true)),
        TraceText.read(
                prefix
                    + "iommu:map(iova: 4294967296, paddr: 0x4080200000, size: 2097152)\n"
                    + prefix
                    + "iommu:unmap(iova: 0x1000, size: 4096, unmapped_size: 8192)")
            .events());
  }

  @Test
  void keysMayStandInAnyOrder() throws IOException {
    assertEquals(
        List.of(map(0x1000, 0x2000, 4096)),
        TraceText.read(PREFIX + "IOMMU: iova=0x1000 - 0x2000 size=4096 paddr=0x2000 prot=3")
            .events());
  }

  @Test
  void aMapThatFailedAtOnceMappedNothing() throws IOException {
    assertEquals(
        List.of(),
        TraceText.read(PREFIX + "IOMMU: iova=0x1000 - 0x1000 paddr=0x0 size=0").events());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "IOMMU: iova=",
        "IOMMU: iova=0x1000",
        "IOMMU: iova=0x1000 - ",
        "IOMMU: dev= iova=0x1000 - 0x2000 paddr=0x3000 size=4096",
        "IOMMU: dev=nvme0",
        "IOMMU: iova=0x1000 - 0x2000",
        "IOMMU: iova=0x1000 - 0x2000 paddr=0x3000",
        "IOMMU: iova=0x1000 - 0x2000 paddr=0x3000 size=",
        "IOMMU: iova=0x1000 - 0x2000 paddr=0x3000 size=40q6",
        "IOMMU: iova=0x1000 - 0x2000 paddr=0x3000 size=4096 size=4096",
        "IOMMU: iova=0x1000 - 0x2000 paddr=0x3000 size=8192",
        "IOMMU: iova=0x1000 - 0x1fff paddr=0x3000 size=4096",
        "IOMMU: iova=0x1000 - 0x2000 size=4096",
        "IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size",
        "IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=-22",
        "IOMMU: iova=0x1000 - 0x2000 size=8192 unmapped_size=8192",
        "IOMMU: iova=zzz - 0x2000 paddr=0x3000 size=4096"
      })
  void aLineThatBreaksOffOrStraysIsMalformed(String line) throws IOException {
    assertTrue(TraceText.malformed(PREFIX + line).contains("expected: "), line);
  }

  @Test
  void otherTracepointsOfTheSubsystemAreSkipped() throws IOException {
    TraceText read =
        TraceText.read(
            """
            add_device_to_group: IOMMU: groupID=3 device=0000:00:03.0
            io_page_fault: IOMMU:nvme 0000:00:03.0 iova=0x0000000000001000 flags=0x0001
            CPU:1 [LOST 17 EVENTS]
            """);
    assertEquals(2, read.counts().skipped());
    assertEquals(17, read.counts().lost());
    assertEquals(0, read.counts().malformed());
  }

  private static TraceEvent.Map map(long iova, long paddr, long length) {
    return new TraceEvent.Map(
        1, AddressSpace.SOME_DOMAIN, iova, OptionalLong.of(paddr), length, Access.READ_WRITE);
  }

  private static TraceEvent unmap(long line, long iova, long length, boolean isReport) {
    return new TraceEvent.Unmap(line, AddressSpace.SOME_DOMAIN, iova, length, isReport);
  }
}
