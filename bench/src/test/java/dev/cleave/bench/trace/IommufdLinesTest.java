package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.format.Access;
import java.io.IOException;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IommufdLinesTest {
  private static final String MAP =
      "iommufd_backend_map_dma  iommufd=15 ioas=2 iova=0x100000 size=0xff00000"
          + " addr=0x7fb80f700000 readonly=%s (%s)";
  private static final AddressSpace IOAS = AddressSpace.ofIoas(15, 2);
  private static final String UNMAP =
      "iommufd_backend_unmap_dma  iommufd=27 ioas=2 iova=0x0 size=0x200000000 (%s)";

  @Test
  void privateToSharedIsAShare() throws IOException {
    assertEquals(
        List.of(new TraceEvent.Share(1, 0x7e000000, 0x200000)),
        TraceText.read("kvm_convert_memory start 0x7e000000 size 0x200000 private_to_shared")
            .events());
  }

  @Test
  void sharedToPrivateIsAnUnshare() throws IOException {
    assertEquals(
        List.of(new TraceEvent.Unshare(1, 0x4000000, 0x1000)),
        TraceText.read("kvm_convert_memory start 0x4000000 size 0x1000 shared_to_private\n")
            .events());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "1234@1700000000.123456:",
        "2026-01-01T00:00:00.5Z qemu-system-x86_64: ",
        "   qemu-1 [001] d..1. 58.7: tracing_mark_write: ",
        "map 0x0 ",
        "\t",
        "\u00e9\u0000\u001b[31m "
      })
  void anyPrefixMayStandInFront(String prefix) throws IOException {
    assertEquals(
        List.of(new TraceEvent.Share(1, 0x1000, 0x1000)),
        TraceText.read(prefix + "kvm_convert_memory start 0x1000 size 0x1000 private_to_shared")
            .events());
  }

  @Test
  void aMapHasNoPaddrOfItsOwn() throws IOException {
    TraceEvent.Map map =
        new TraceEvent.Map(1, IOAS, 0x100000, OptionalLong.empty(), 0xff00000, Access.READ_WRITE);
    assertEquals(List.of(map), TraceText.read(MAP.formatted("0", "0")).events());
    assertEquals(0x40100000, map.paddrOr(0x40000000));
  }

  @Test
  void aReadOnlyMapAllowsReads() throws IOException {
    assertEquals(
        List.of(
            new TraceEvent.Map(1, IOAS, 0x100000, OptionalLong.empty(), 0xff00000, Access.READ)),
        TraceText.read(MAP.formatted("1", "0")).events());
  }

  @Test
  void anUnmapIsAnUnmap() throws IOException {
    assertEquals(
        List.of(new TraceEvent.Unmap(1, AddressSpace.ofIoas(27, 2), 0, 0x200000000L, false)),
        TraceText.read(UNMAP.formatted("0")).events());
  }

  @Test
  void aCallThatFailedHadNoEffect() throws IOException {
    TraceText read =
        TraceText.read(
            String.join(
                "\n",
                MAP.formatted("0", "-14"),
                MAP.formatted("0", "-1"),
                UNMAP.formatted("-2"),
                UNMAP.formatted("22")));
    assertEquals(List.of(), read.events());
    assertEquals(4, read.counts().noEffect());
    assertEquals(0, read.counts().malformed());
  }

  @Test
  void theAddressMayBeNil() throws IOException {
    String line = MAP.formatted("0", "0").replace("0x7fb80f700000", "(nil)");
    assertEquals(1, TraceText.read(line).events().size());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kvm_convert_memory",
        "kvm_convert_memory start",
        "kvm_convert_memory start 0x1000 size",
        "kvm_convert_memory start 0x1000 size 0x1000",
        "kvm_convert_memory start 0x1000 size 0x1000 private_to_",
        "kvm_convert_memory start 0x1000 size 0x1000 private_to_shared again",
        "kvm_convert_memory start 0x1zz0 size 0x1000 private_to_shared",
        "kvm_convert_memory start 0x10000000000000000 size 0x1000 private_to_shared",
        "qemu: warning: no trace event 'kvm_convert_memory'",
        "iommufd_backend_map_dma",
        "iommufd_backend_map_dma  iommufd=15 ioas=2 iova=0x100000 size=0x1000 readonly=0 (0)",
        "iommufd_backend_map_dma  iommufd=15 ioas=2 iova=0x0 size=0x1000 addr=0x0 readonly=0",
        "iommufd_backend_map_dma  iommufd=15 ioas=2 iova=0x0 size=0x1000 addr=0x0 readonly= (0)",
        "iommufd_backend_unmap_dma  iommufd=27 ioas=2 iova=0x0 size=0x2000",
        "iommufd_backend_unmap_dma  iommufd=27 ioas=2 iova=0x0 size=0x2000 0",
        "iommufd_backend_unmap_dma  iommufd=27 ioas=2 iova=0x0 size=0x2000 ()",
        "iommufd_backend_unmap_dma  iommufd=27 ioas=2 iova=0x0 size=0x2000 (",
        "iommufd_backend_unmap_dma  iommufd=27 ioas=2 iova=0x0 size=0x2000 (0",
        "iommufd_backend_unmap_dma  iommufd=27 ioas=2 iova=0x0 size=0x2000 (0) (0)",
        "iommufd_backend_unmap_dma  iommufd=27 ioas=2 iova=-1 size=0x2000 (0)"
      })
  void aLineThatBreaksOffOrStraysIsMalformed(String line) throws IOException {
    assertTrue(TraceText.malformed(line).contains("expected: "), line);
  }

  @Test
  void anUnmapOfWhatIsNotThereHadNoEffect() throws IOException {
    TraceText read =
        TraceText.read(
            "iommufd_backend_unmap_dma_non_exist  Unmap nonexistent mapping: iommufd=1 ioas=2"
                + " iova=0x0 size=0x1000 (-1)");
    assertEquals(1, read.counts().noEffect());
    assertEquals(List.of(), read.events());
  }

  @Test
  void aTracepointWithALongerNameIsAnother() throws IOException {
    TraceText read =
        TraceText.read(
            "iommufd_backend_unmap_dma_or_not  iommufd=1 ioas=2 iova=0x0 size=0x1000 (0)\n"
                + "my_kvm_convert_memory start 0x1000 size 0x1000 private_to_shared");
    assertEquals(2, read.counts().skipped());
    assertEquals(2, read.counts().lines());
  }

  @Test
  void memoryOfAFileIsMappedAlike() throws IOException {
    assertEquals(
        List.of(new TraceEvent.Map(1, IOAS, 0, OptionalLong.empty(), 0x8000000, Access.READ)),
        TraceText.read(
                "iommufd_backend_map_file_dma  iommufd=15 ioas=2 iova=0x0 size=0x8000000 fd=33"
                    + " start=134217728 readonly=1 (0)")
            .events());
  }

  @ParameterizedTest
  @CsvSource({
    "0x0, 0xffffffffffffffff, 0, -1",
    "0x0, 0x0, 0, -1",
    "0x0, 0x8000000000000000, 0, 0x7fffffffffffffff",
    "0x8000000000000000, 0x8000000000000000, 0x8000000000000000, -1"
  })
  void aWholeSpaceIsUnmappedInThreeForms(String iova, String size, String first, String last)
      throws IOException {
    assertEquals(
        List.of(new TraceEvent.Clear(1, IOAS, address(first), address(last))),
        TraceText.read(
                "iommufd_backend_unmap_dma  iommufd=15 ioas=2 iova=%s size=%s (0)"
                    .formatted(iova, size))
            .events());
  }

  private static long address(String text) {
    return text.equals("-1") ? -1 : Long.parseUnsignedLong(text.replace("0x", ""), 16);
  }

  @Test
  void aSpaceThatIsFreedLosesEverything() throws IOException {
    assertEquals(
        List.of(TraceEvent.Clear.all(1, IOAS)),
        TraceText.read("iommufd_backend_free_id  iommufd=15 id=2 (0)").events());
  }

  @Test
  void simpletracePrintsOtherKeysAndOnlyHexadecimals() throws IOException {
    assertEquals(
        List.of(
            new TraceEvent.Map(1, IOAS, 0x1000, OptionalLong.empty(), 0x2000, Access.READ_WRITE),
            new TraceEvent.Map(3, IOAS, 0x1000, OptionalLong.empty(), 0x2000, Access.READ),
            new TraceEvent.Unmap(4, IOAS, 0x1000, 0x2000, false),
            new TraceEvent.Share(5, 0x4000, 0x1000)),
        TraceText.read(
                """
                iommufd_backend_map_dma 0.000 pid=0x1092 iommufd=0xf ioas=0x2 iova=0x1000 size=0x2000 vaddr=0x7f readonly=0x0 ret=0x0
                iommufd_backend_map_dma 3.120 pid=4242 iommufd=0xf ioas=0x2 iova=0x1000 size=0x2000 vaddr=0x7f readonly=0x0 ret=0xffffffffffffffff
                iommufd_backend_map_file_dma 3.120 pid=4242 iommufd=0xf ioas=0x2 iova=0x1000 size=0x2000 fd=0x21 start=0x0 readonly=0x1 ret=0x0
                iommufd_backend_unmap_dma 3.120 pid=4242 iommufd=0xf ioas=0x2 iova=0x1000 size=0x2000 ret=0x0
                kvm_convert_memory 1.500 pid=4242 start=0x4000 size=0x1000 msg=private_to_shared
                """)
            .events());
  }
}
