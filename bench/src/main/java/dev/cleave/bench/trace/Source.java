package dev.cleave.bench.trace;

/**
 * Who tells of an event, and by which line. Where several tell of the state of one page, the first
 * in this order is believed.
 */
public enum Source {
  /** Cleave's own op lines: not told but asked for, so always carried out. */
  OP("op lines"),
  /** KVM's own record: what was really changed, whoever asked for it. */
  KVM_ATTRIBUTES("kvm_vm_set_mem_attributes"),
  /** QEMU, before it changes anything. */
  QEMU_CONVERT("kvm_convert_memory"),
  /** QEMU, when the guest's call arrives. */
  QEMU_HYPERCALL("kvm_hc_map_gpa_range"),
  /** Cloud Hypervisor, when the guest's call arrives. */
  CLOUD_HYPERVISOR("KVM_HC_MAP_GPA_RANGE"),
  /** QEMU's record of a memory block, by offsets in it. */
  QEMU_BLOCK("ram_block_attributes_state_change"),
  /** KVM, when the guest's call arrives. */
  KVM_HYPERCALL("kvm_hypercall"),
  /** KVM, when a guest asks for one page by the GHCB's register. */
  KVM_GHCB("kvm_vmgexit_msr_protocol_enter"),
  /** QEMU's calls of iommufd. */
  IOMMUFD("iommufd_backend_map_dma, _map_file_dma, _unmap_dma"),
  /** The kernel's iommu:map and iommu:unmap. */
  IOMMU_TRACEPOINT("iommu:map, iommu:unmap"),
  /** What QEMU's listener is told to map, not what was mapped. */
  LISTENER("vfio_listener_region_add_ram, _del");

  private final String words;

  Source(String words) {
    this.words = words;
  }

  /** The events by which it tells. */
  public String words() {
    return words;
  }
}
