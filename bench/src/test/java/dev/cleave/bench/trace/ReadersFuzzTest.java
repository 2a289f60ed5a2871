package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.io.BadInput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Seeded mutations of a line of each kind: a reader counts what it is given or refuses it with
 * {@link BadInput}, and throws nothing else.
 */
@Tag("slow")
class ReadersFuzzTest {
  private static final int INPUTS = 20_000;

  /** What mutations put in: pieces that mean something somewhere. */
  private static final List<String> PIECES =
      List.of(
          "0x",
          "0xffffffffffffffff",
          "-1",
          "(0)",
          "(-22)",
          "=",
          " = ",
          "'",
          "[",
          "]",
          " - ",
          " -- ",
          "iova=",
          "size=",
          "size",
          "dev=",
          "pid=1",
          "kvm_convert_memory",
          "IOMMU: iova=",
          ": ",
          ",",
          "[001] d..1. 1.5: ",
          "tracing_mark_write: ",
          "99999999999999999999",
          "[LOST 5 EVENTS]",
          "\t",
          "\u00e9",
          "\u0000",
          "map 0x0 0x0 4K rw",
          "#");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "4242@1760000000.1:iommufd_backend_map_dma  iommufd=27 ioas=2 iova=0x100000000 size=0x1000"
            + " addr=0x7f1200000000 readonly=0 (0)",
        "iommufd_backend_map_file_dma  iommufd=11 ioas=3 iova=0x0 size=0x8000000 fd=33 start=0"
            + " readonly=0 (0)",
        "iommufd_backend_unmap_dma 1.5 pid=4242 iommufd=0xf ioas=0x2 iova=0x0 size=0x0 ret=0x0",
        "2026-01-08T17:05:12.1Z vfio_listener_region_add_ram region_add [ram] 0x0 - 0x9ffff [0x7f]",
        " a-1 [008] .....   438.308480: map: IOMMU: iova=0x0000000100000000 - 0x0000000100200000"
            + " paddr=0x0000004080200000 size=2097152",
        "a 1 1.5: iommu:unmap: IOMMU: dev=x iova=0x1000 size=4096 unmapped_size=4096",
        "Jan  8 17:05:12 host q[1]: kvm_convert_memory start 0x1000 size 0x1000 private_to_shared",
        " a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x400 -- 0x401 [0x8]",
        " a-1 [003] ..... 50.1: kvm_hypercall: nr 0xc a0 0x400000 a1 0x2 a2 0x10 a3 0x0",
        " a-1 [003] ..... 50.1: kvm_vmgexit_msr_protocol_enter: vcpu 0, ghcb_gpa 10000000400014",
        "x -- KVM_HC_MAP_GPA_RANGE: address=0x400000, pages=2, attributes=0x10",
        "kvm_set_user_memory AddrSpace#0 Slot#1 flags=0x4 gpa=0x0 size=0x400000 ua=0x7f"
            + " guest_memfd=3 guest_memfd_offset=0x0 ret=0\nram_block_attributes_state_change"
            + " offset 0x0 size 0x1000 from 'discarded' to 'populated'",
        "map 0x1000 0x2000 4K rw",
        "dma 0x1000 64 r"
      })
  void noMutationOfALineThrowsAnythingElse(String line) throws IOException {
    Random random = new Random(line.hashCode());
    StringBuilder all = new StringBuilder();
    for (int i = 0; i < INPUTS; i++) {
      String mutated = mutated(line, random);
      LineParser parser = new LineParser();
      mutated.lines().forEach(one -> assertNotNull(parser.parse(1, one)));
      all.append(mutated).append('\n');
    }
    byte[] bytes = all.toString().getBytes(StandardCharsets.ISO_8859_1);
    TraceText read = TraceText.read(bytes, false);
    assertTrue(read.told().size() > INPUTS / 20, "events: " + read.told().size());
    History.Builder builder = new History.Builder();
    read.told().forEach(builder::add);
    History history = builder.build();
    for (TraceEvent event : history.events()) {
      assertTrue(
          event.isPageState() || history.spaces().contains(event.space()),
          () -> "no space of its own: " + event);
    }
    assertTrue(
        assertThrows(BadInput.class, () -> TraceText.read(bytes, true))
            .getMessage()
            .startsWith(TraceText.NAME + ":"));
  }

  private static String mutated(String line, Random random) {
    StringBuilder text = new StringBuilder(line);
    for (int changes = random.nextInt(4); changes >= 0; changes--) {
      int at = random.nextInt(text.length() + 1);
      int end = Math.min(text.length(), at + random.nextInt(6));
      switch (random.nextInt(5)) {
        case 0 -> text.delete(at, end);
        case 1 -> text.insert(at, PIECES.get(random.nextInt(PIECES.size())));
        case 2 -> text.replace(at, end, PIECES.get(random.nextInt(PIECES.size())));
        case 3 -> text.insert(at, (char) random.nextInt(256));
        default -> text.append('\n').append(line);
      }
    }
    return text.toString();
  }
}
