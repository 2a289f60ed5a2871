package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What programs and the kernel print before an event. */
class PrefixesTest {
  private static final String CONVERT =
      "kvm_convert_memory start 0x100200000 size 0x200000 shared_to_private";
  private static final String UNMAP =
      "IOMMU: iova=0x0000000000001000 - 0x0000000000002000 size=4096 unmapped_size=4096";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "4242@1760000000.123456:",
        "2026-01-08T17:05:12.123456Z ",
        "2026-01-08T17:05:12Z ",
        "2026-01-08T17:05:12.123456Z [guest] qemu-system-x86_64: (4242:CPU 0/KVM): ",
        "2026-01-08T17:05:12.123456Z guest qemu-system-x86_64: (4242:CPU 0/KVM): ",
        "qemu-system-x86_64: (4242:main): ",
        "qemu-system-x86_64: warning: ",
        "2026-01-08T17:05:12.1Z qemu-system-x86_64: warning: ",
        "Jan  8 17:05:12 host qemu-system-x86_64[4242]: ",
        "Jan 18 17:05:12 host libvirtd[1]: 4242@1760000000.123456:",
        "2026-01-08T17:05:12+0100 host qemu[4242]: ",
        "2026-01-08T17:05:12.123456+01:00 host qemu[4242]: ",
        "<30>1 2026-01-08T17:05:12Z host qemu 4242 - - ",
        " qemu-kvm-4242    [008] .....   438.308480: tracing_mark_write: ",
        " qemu-kvm-4242    [008] .....   438.308480: print: 0xffffffff81234567s: ",
        " qemu-kvm-4242    [008] .....   438.308480: tracing_mark_write: 4242@1760000000.1:",
        "[kvm_convert_memory] qemu: (1:kvm_convert_memory): ",
        "{who} [knows] what=this | "
      })
  void qemusEventsAreReadBehindAnyPrefix(String prefix) throws IOException {
    for (String end : List.of("", "\r")) {
      assertEquals(
          List.of(new TraceEvent.Unshare(1, 0x100200000L, 0x200000)),
          TraceText.readStrictly(prefix + CONVERT + end + "\n").events());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "        qemu-kvm-4242    [008] .....   438.308480: unmap: ",
        "        qemu-kvm-4242    [008] d..1    438.308480: unmap: ",
        "        qemu-kvm-4242    [008] .......   438.308480: unmap: ",
        "   qemu-kvm-4242    ( 4242) [008] .....   438.308480: unmap: ",
        "          <idle>-0       [000] dNH2.    29.403102: unmap: ",
        "  <...>-12 [000] d.h1. 29.403102: unmap: ",
        "  CPU 0/KVM-900 (----) [003] ..... 50.000001: unmap: ",
        "  map: IOMMU: iova=0x0 [001] d..1. 1.5: -77 [002] ..... 29.403102: unmap: ",
        "  kvm_convert_memory start 0x0-77 [002] ..... 29.403102: unmap: ",
        "  qemu-kvm-4242  [008]   438.308480: unmap:                ",
        "  qemu-kvm-4242  [008] .....  438.308480: unmap:                ",
        "  qemu-kvm-4242  [008] 438308480123: unmap: ",
        "qemu-kvm  4242 [008]   438.308480: iommu:unmap: ",
        "CPU 0/KVM  4242/4243 [008]   438.308480:          1 iommu:unmap: ",
        "qemu-kvm  4242   438.308480: iommu:unmap: ",
        "qemu-kvm  4242/4243   438.308480:          iommu:unmap: "
      })
  void theKernelsTracepointsAreReadAsEachToolPrintsThem(String prefix) throws IOException {
    assertEquals(
        List.of(new TraceEvent.Unmap(1, AddressSpace.SOME_DOMAIN, 0x1000, 4096, true)),
        TraceText.readStrictly(prefix + UNMAP).events());
  }

  @ParameterizedTest
  @CsvSource({
    "'  CPU 0/KVM-900 (  900) [003] ..... 50.000001: unmap: ', CPU 0/KVM-900, 50.000001",
    "'qemu  4242/4243 [008]   438.5: iommu:unmap: ', qemu  4242/4243, 438.5",
    "'qemu  4242   438.5: iommu:unmap: ', qemu  4242, 438.5",
    "'77@1.5:x_y ', 77, 1.5",
    "'2026-01-08T17:05:12Z x_y ', '', 2026-01-08T17:05:12Z",
    "'nothing known: ', '', ''"
  })
  void taskAndTimeAreThoseOfThePrefix(String prefix, String task, String time) {
    LogLine line = Prefixes.split(1, prefix + UNMAP);
    assertEquals(task, line.task());
    assertEquals(time, line.time());
  }

  @ParameterizedTest
  @CsvSource({
    "'  a-1 [000] ..... 1.0: sched_switch: prev_comm=kvm_convert_memory start', sched_switch",
    "'a 1 [000] 1.0: kvm:kvm_exit: vcpu 0', kvm_exit",
    "'1@1.0:vfio_region_write  (x)', vfio_region_write",
    "'2026-01-08T17:05:12Z memory_region_ops_read cpu 0', memory_region_ops_read",
    "'amdvi_mmio_write x', amdvi_mmio_write"
  })
  void aSkippedLineIsCountedByTheNameOfItsEvent(String line, String event) throws IOException {
    assertEquals(
        List.of(event), List.copyOf(TraceText.read(line).counts().skippedByEvent().keySet()));
  }

  @Test
  void namesAreSortedByHowOftenTheyWereSkipped() throws IOException {
    TraceCounts counts = TraceText.read("a_b\nc_d\nc_d\njust words\n").counts();
    assertEquals(List.of("c_d", "a_b"), List.copyOf(counts.skippedByEvent().keySet()));
    assertEquals(4, counts.skipped());
  }

  @ParameterizedTest
  @CsvSource({
    "'CPU:1 [LOST 17 EVENTS]', 17",
    "'CPU:1 [LOST EVENTS]', 0",
    "'CPU:0 [23 EVENTS DROPPED]', 23",
    "'# entries-in-buffer/entries-written: 3010/4010   #P:2', 1000",
    "'qemu 1 [000] 1.0: PERF_RECORD_LOST lost 5', 5",
    "'[  77.1] amd_iommu_report_page_fault: 12 callbacks suppressed', 12",
    "'Jan  8 17:05:12 host systemd-journald[1]: Suppressed 31 messages from qemu.service', 31"
  })
  void whatALogSaysIsMissingIsCounted(String line, long lost) throws IOException {
    TraceCounts counts = TraceText.read(line).counts();
    assertEquals(1, counts.gaps());
    assertEquals(lost, counts.lost());
  }

  @Test
  void aRingBufferThatLostNothingHasNoGap() throws IOException {
    assertEquals(
        0, TraceText.read("# entries-in-buffer/entries-written: 3010/3010   #P:2").counts().gaps());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "qemu: warning: Convert non guest_memfd backed memory region (0xf0000 ,+ 0x1000) to shared",
        "qemu: failed to set memory (0x1000+0x1000) with attr 0x8 error 'Bad address'",
        "qemu: vfio_container_dma_map(0x55d0, 0x1000, 0x1000, 0x7f00) = -22 (Invalid argument)",
        "qemu: vfio_container_dma_unmap(0x55d0, 0x1000, 0x1000) = -2 (No such file)",
        "qemu: vfio_ram_discard_notify_discard: vfio_container_dma_unmap() failed: x",
        "qemu: IOMMU_IOAS_MAP failed: Bad address, PCI BAR?",
        "cloud-hypervisor: 1.0s: <vcpu0> WARN:a.rs:1 -- confidential DMA conversion failed: x"
      })
  void anErrorAboutAChangeIsAFailure(String line) throws IOException {
    TraceCounts counts = TraceText.read(CONVERT + "\n" + line).counts();
    assertEquals(1, counts.failures());
    assertEquals(2, counts.firstFailure().line());
    assertEquals(null, TraceText.read(line).counts().firstFailure());
  }
}
