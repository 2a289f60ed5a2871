package dev.cleave.bench.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** All who tell of page states. */
class PageStateLinesTest {
  private static final String SLOT =
      "kvm_set_user_memory AddrSpace#0 Slot#%d flags=0x4 gpa=0x%x size=0x%x ua=0x7f0000000000"
          + " guest_memfd=%d guest_memfd_offset=0x%x ret=0\n";
  private static final String CHANGE =
      "ram_block_attributes_state_change offset 0x200000 size 0x1000 from 'discarded' to"
          + " 'populated'\n";

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kvm_hc_map_gpa_range gpa 0x400000 size 0x2000 attributes 0x0 flags 0x0",
        "kvm_hc_map_gpa_range 1.0 pid=1 gpa=0x400000 size=0x2000 attributes=0x0 flags=0x0",
        " CPU 0/KVM-900 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x00000000000400 --"
            + " 0x00000000000402 [0x0]",
        "a 1 [003] 50.1: kvm:kvm_vm_set_mem_attributes:  . 0x400 -- 0x402 [0x0]",
        " a-1 [003] ..... 50.1: kvm_hypercall: nr 0xc a0 0x400000 a1 0x2 a2 0x1 a3 0x0",
        "cloud-hypervisor:  12.345678s: <vcpu0> DEBUG:hypervisor/src/kvm/mod.rs:1234 --"
            + " KVM_HC_MAP_GPA_RANGE: address=0x400000, pages=2, attributes=0x0",
        "[D 12.3] KVM_HC_MAP_GPA_RANGE: address=0x400000, pages=2, attributes=0x0"
      })
  void twoPagesBecomeShared(String line) throws IOException {
    assertEquals(
        List.of(new TraceEvent.Share(1, 0x400000, 0x2000)), TraceText.readStrictly(line).events());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kvm_hc_map_gpa_range gpa 0x400000 size 0x2000 attributes 0x10 flags 0x0",
        " CPU 0/KVM-900 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x00000000000400 --"
            + " 0x00000000000402 [0x8]",
        " a-1 [003] ..... 50.1: kvm_hypercall: nr 0xc a0 0x400000 a1 0x2 a2 0x10 a3 0x0",
        "cloud-hypervisor: x -- KVM_HC_MAP_GPA_RANGE: address=0x400000, pages=2, attributes=0x10"
      })
  void twoPagesBecomePrivate(String line) throws IOException {
    assertEquals(
        List.of(new TraceEvent.Unshare(1, 0x400000, 0x2000)),
        TraceText.readStrictly(line).events());
  }

  @ParameterizedTest
  @CsvSource({"10000000400014, UNSHARE", "20000000400014, SHARE"})
  void aPageIsAskedForByTheGhcbsRegister(String value, TraceEvent.Kind kind) throws IOException {
    List<TraceEvent> events =
        TraceText.readStrictly(
                " a-1 [003] ..... 50.1: kvm_vmgexit_msr_protocol_enter: vcpu 0, ghcb_gpa " + value)
            .events();
    assertEquals(1, events.size());
    assertEquals(kind, events.getFirst().kind());
    assertEquals(0x400000, events.getFirst().address());
    assertEquals(4096, events.getFirst().length());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        " a-1 [003] ..... 50.1: kvm_vmgexit_msr_protocol_enter: vcpu 0, ghcb_gpa 1000",
        " a-1 [003] ..... 50.1: kvm_vmgexit_msr_protocol_enter: vcpu 0, ghcb_gpa 30000000400014",
        " a-1 [003] ..... 50.1: kvm_hypercall: nr 0x1 a0 0x400000 a1 0x2 a2 0x10 a3 0x0",
        " a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x400 -- 0x400 [0x8]"
      })
  void whatChangesNoPageHasNoEffect(String line) throws IOException {
    TraceText read = TraceText.readStrictly(line);
    assertEquals(List.of(), read.events());
    assertEquals(1, read.counts().noEffect());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "kvm_hc_map_gpa_range gpa 0x400000 size 0x2000 flags 0x0",
        "kvm_hc_map_gpa_range gpa 0x400000 size attributes 0x10 flags 0x0",
        " a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x400 - 0x402 [0x8]",
        " a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x402 -- 0x400 [0x8]",
        " a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x400 -- 0x10000000000000 [0x8]",
        " a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x400 -- 0x402 0x8",
        " a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes: 0x400 -- 0x402 [",
        " a-1 [003] ..... 50.1: kvm_vm_set_mem_attributes:",
        " a-1 [003] ..... 50.1: kvm_hypercall: nr 0xc a0 0x400000 a1 0x10000000000000 a2 0x10",
        " a-1 [003] ..... 50.1: kvm_hypercall: a0 0x400000",
        " a-1 [003] ..... 50.1: kvm_vmgexit_msr_protocol_enter: vcpu 0, ghcb_gpa zz",
        " a-1 [003] ..... 50.1: kvm_vmgexit_msr_protocol_enter: vcpu 0",
        "KVM_HC_MAP_GPA_RANGE: address=0x400000, pages=, attributes=0x0",
        "KVM_HC_MAP_GPA_RANGE: address=0x400000, pages=2",
        "ram_block_attributes_state_change offset 0x0 size 0x1000 from 'x'",
        "kvm_set_user_memory AddrSpace#0 Slot#1 flags=0x4 gpa=0x0 guest_memfd_offset=0x0 ret=0"
      })
  void aValueThatDoesNotParseIsRefusedAndNotReadAsZero(String line) throws IOException {
    assertTrue(TraceText.malformed(line).contains("expected: "), line);
  }

  @Test
  void aBlocksOffsetIsAnAddressWhereASlotSaysSo() throws IOException {
    String slots = SLOT.formatted(1, 0x100000000L, 0x80000000L, 33, 0x100000);
    assertEquals(
        List.of(new TraceEvent.Share(2, 0x100100000L, 0x1000)),
        TraceText.read(slots + CHANGE).events());
  }

  @Test
  void aBlocksOffsetIsNoAddressWithoutItsSlot() throws IOException {
    TraceText read = TraceText.read(CHANGE);
    assertEquals(List.of(), read.events());
    assertEquals(1, read.counts().skipped());
  }

  @Test
  void anOffsetThatTwoBlocksHaveIsAmbiguous() throws IOException {
    String slots =
        SLOT.formatted(1, 0, 0x400000, 33, 0) + SLOT.formatted(2, 1 << 30, 0x400000, 34, 0);
    assertEquals(List.of(), TraceText.read(slots + CHANGE).events());
  }

  @Test
  void aSlotThatWasDeletedSaysNothingMore() throws IOException {
    String slots = SLOT.formatted(1, 0, 0x400000, 33, 0) + SLOT.formatted(1, 0, 0, 33, 0);
    assertEquals(List.of(), TraceText.read(slots + CHANGE).events());
  }

  @ParameterizedTest
  @CsvSource({"discarded, UNSHARE", "populated, SHARE"})
  void discardedMeansPrivate(String to, TraceEvent.Kind kind) throws IOException {
    String line =
        "ram_block_attributes_state_change offset 0x0 size 0x1000 from 'mixture' to '" + to + "'";
    assertEquals(
        kind, TraceText.read(SLOT.formatted(1, 0, 4096, 3, 0) + line).events().getFirst().kind());
  }
}
