package dev.cleave.bench.conform.qemu;

import dev.cleave.bench.machine.IommuCommand;
import dev.cleave.engine.format.DeviceTableEntry;

/** The way from software to an IOMMU: its command buffer and its device table. */
public interface IommuPort {
  /**
   * Queues a command.
   *
   * @param command what to do
   */
  void submit(IommuCommand command);

  /**
   * Waits until all commands queued so far have completed.
   *
   * @throws QemuFailure if the IOMMU does not say so
   */
  void awaitCompletion();

  /**
   * Stores a device table entry; the IOMMU has to be told by a command.
   *
   * @param device whose
   * @param entry its new bits
   */
  void store(Device device, DeviceTableEntry entry);
}
