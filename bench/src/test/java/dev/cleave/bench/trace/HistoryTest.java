package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.io.BadInput;
import java.io.IOException;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** What several lines come to: address spaces, sources, and what a person has to know. */
class HistoryTest {
  private static final String TRACEPOINT =
      " %s [000] ..... %s: %s: IOMMU: iova=0x%x%s size=4096%s\n";

  private static History history(String... texts) throws IOException {
    History.Builder builder = new History.Builder();
    for (String text : texts) {
      TraceText.read(text).told().forEach(builder::add);
    }
    return builder.build();
  }

  private static String map(String task, String time, long iova) {
    return TRACEPOINT.formatted(task, time, "map", iova, " paddr=0x100000", "");
  }

  private static String unmap(String task, String time, long iova) {
    return TRACEPOINT.formatted(task, time, "unmap", iova, "", " unmapped_size=4096");
  }

  private static String spaces(History history) {
    return history.events().stream().map(e -> e.space().name()).collect(Collectors.joining(" "));
  }

  @Test
  void eachIoasOfEachDescriptorIsASpaceOfItsOwn() throws IOException {
    String line =
        "iommufd_backend_map_dma  iommufd=%d ioas=%d iova=0x0 size=0x1000 addr=0x0"
            + " readonly=0 (0)\n";
    History history = history(line.formatted(1, 2) + line.formatted(2, 1) + line.formatted(2, 2));
    assertEquals("iommufd1.ioas2 iommufd2.ioas1 iommufd2.ioas2", spaces(history));
    assertEquals("iommufd2.ioas1", history.only("ioas1").spaces().getFirst().name());
    assertEquals(1, history.only("iommufd1.ioas2").events().size());
    assertTrue(
        assertThrows(BadInput.class, () -> history.only("ioas2"))
            .getMessage()
            .contains("the name of several"));
    assertTrue(
        assertThrows(BadInput.class, () -> history.only("ioas9"))
            .getMessage()
            .contains("iommufd1.ioas2, iommufd2.ioas1, iommufd2.ioas2"));
  }

  @Test
  void aMapOverALiveOneOpensAFurtherDomainAndAnUnmapFindsTheOneThatHasIt() throws IOException {
    History history =
        history(
            map("nvme-1", "1.0", 0x1000)
                + map("eth-2", "1.1", 0x1000)
                + unmap("eth-2", "1.2", 0x1000)
                + unmap("eth-2", "1.3", 0x1000)
                + map("eth-2", "1.4", 0x2000));
    assertEquals("domain1 domain2 domain2 domain1 domain2", spaces(history));
    assertEquals(1, history.warnings().size());
    assertTrue(history.warnings().getFirst().contains("name no domain"), history::toString);
    assertTrue(history.warnings().getFirst().contains("line 2"), history::toString);
  }

  @Test
  void whoUnmapsTakesWhatItHasMappedItself() throws IOException {
    History history =
        history(
            map("a-1", "1.0", 0x1000) + map("b-2", "1.1", 0x1000) + unmap("a-1", "1.2", 0x1000));
    assertEquals("domain1 domain2 domain1", spaces(history));
  }

  @Test
  void whoUnmapsWhatAnotherTaskMappedTakesTheYoungest() throws IOException {
    History history =
        history(
            map("a-1", "1.0", 0x1000) + map("b-2", "1.1", 0x1000) + unmap("idle-0", "1.2", 0x1000));
    assertEquals("domain1 domain2 domain2", spaces(history));
  }

  @Test
  void anUnmapThatStandsBeforeItsMapAtTheSameTimeShowsNoFurtherDomain() throws IOException {
    History history =
        history(
            unmap("idle-0", "1.0", 0x1000) + map("a-1", "1.0", 0x1000) + map("a-1", "2.0", 0x1000));
    assertEquals("domain1 domain1 domain1", spaces(history));
    assertEquals(List.of(), history.warnings());
  }

  @Test
  void afterLostEventsAMapOverALiveOneShowsNoFurtherDomain() throws IOException {
    History history =
        history(map("a-1", "1.0", 0x1000) + "CPU:1 [LOST 3 EVENTS]\n" + map("a-1", "2.0", 0x1000));
    assertEquals("domain1 domain1", spaces(history));
  }

  @Test
  void eachDeviceThatIsNamedIsASpaceOfItsOwn() throws IOException {
    String line = " a-1 [000] ..... 1.0: map: IOMMU: dev=%s iova=0x0 paddr=0x0 size=4096\n";
    assertEquals("ufs usb", spaces(history(line.formatted("ufs") + line.formatted("usb"))));
  }

  @Test
  void opLinesMeanTheFirstSpaceOfTheLog() throws IOException {
    assertEquals("ops ops", spaces(history("map 0 0 4K rw\nunmap 0 4K\n")));
    assertEquals("domain1 domain1", spaces(history("translate 0\n" + map("a-1", "1.0", 0x1000))));
  }

  @Test
  void pageStatesHaveNoSpaceAndStayWithEach() throws IOException {
    History history =
        history(
            map("a-1", "1.0", 0x1000)
                + map("a-1", "1.0", 0x1000)
                + "kvm_convert_memory start 0x1000 size 0x1000 private_to_shared\n");
    assertEquals(2, history.only("domain1").events().size());
    assertEquals(2, history.only("domain2").events().size());
  }

  @Test
  void theListenersRegionsAreMapsOnlyWhereNothingBetterTells() throws IOException {
    String regions =
        """
        vfio_listener_region_add_ram region_add [ram] 0x0 - 0x9ffff [0x7f0000000000]
        vfio_listener_region_add_ram region_add [ram] 0x0 - 0x9ffff [0x7f0000000000]
        vfio_listener_region_del region_del 0xfee00000 - 0xfeefffff
        vfio_listener_region_del region_del 0x0 - 0x9ffff
        vfio_listener_region_del region_del 0x0 - 0x9ffff
        """;
    History alone = history(regions);
    assertEquals("listener listener", spaces(alone));
    assertEquals(0xa0000, alone.events().getFirst().length());
    assertTrue(alone.warnings().getFirst().contains("what was to be mapped"), alone::toString);
    assertEquals("domain1", spaces(history(regions + map("a-1", "1.0", 0x1000))));
    String failed =
        "iommufd_backend_map_dma  iommufd=1 ioas=2 iova=0x0 size=0x1000 addr=0x0 readonly=0 (-1)";
    assertEquals("listener listener", spaces(history(regions + failed)));
  }

  @Test
  void whatIsFreedAndIsNoSpaceEmptiesNothing() throws IOException {
    String map =
        "iommufd_backend_map_dma  iommufd=1 ioas=2 iova=0x0 size=0x1000 addr=0x0 readonly=0 (0)\n";
    assertEquals(1, history(map + "iommufd_backend_free_id  iommufd=1 id=9 (0)").events().size());
    assertEquals(2, history(map + "iommufd_backend_free_id  iommufd=1 id=2 (0)").events().size());
  }

  @Test
  void aConversionThatTwoTellOfCountsOnce() throws IOException {
    History history =
        history(
            """
            kvm_hc_map_gpa_range gpa 0x400000 size 0x2000 attributes 0x0 flags 0x0
            kvm_convert_memory start 0x400000 size 0x1000 private_to_shared
             a-1 [003] ..... 50.1: kvm_hypercall: nr 0xc a0 0x400000 a1 0x1 a2 0x0 a3 0x0
            kvm_convert_memory start 0x400000 size 0x1000 shared_to_private
            """);
    assertEquals(
        List.of(
            new TraceEvent.Share(1, 0x401000, 0x1000),
            new TraceEvent.Share(2, 0x400000, 0x1000),
            new TraceEvent.Unshare(4, 0x400000, 0x1000)),
        history.events());
    assertEquals(2, history.stateSources().get(Source.QEMU_CONVERT));
    assertEquals(1, history.stateSources().get(Source.QEMU_HYPERCALL));
    assertEquals(1, history.toldAgain().get(Source.KVM_HYPERCALL));
  }

  @Test
  void aSecondFileThatTellsTheSameAgainChangesNothing() throws IOException {
    String qemu =
        """
        kvm_convert_memory start 0x400000 size 0x1000 private_to_shared
        kvm_convert_memory start 0x400000 size 0x1000 shared_to_private
        """;
    String kvm =
        """
         a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x400 -- 0x401 [0x0]
         a-1 [003] ..... 50.2: kvm_vm_set_mem_attributes: 0x400 -- 0x401 [0x8]
        """;
    assertEquals(history(kvm).events(), history(qemu, kvm).events());
  }

  @Test
  void opLinesAreAlwaysCarriedOut() throws IOException {
    assertEquals(
        2,
        history("kvm_convert_memory start 0x0 size 0x1000 private_to_shared\nunshare 0 4K\n")
            .events()
            .size());
  }

  @Test
  void unmapsWithoutAnyMapNameTheKernelThatLogsNone() throws IOException {
    assertTrue(history(unmap("a-1", "1.0", 0x1000)).warnings().getFirst().contains("7.1-rc"));
  }

  @Test
  void pageStatesWithoutAnyMapAreSaidToDoNothing() throws IOException {
    assertTrue(history("share 0 4K\n").warnings().getFirst().contains("nothing was ever mapped"));
  }
}
