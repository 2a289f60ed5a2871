/**
 * An AMD-Vi IOMMU in software.
 *
 * <p>A request of a device goes through these, and a fault on its way becomes an event:
 *
 * <pre>
 *   Iommu.translate -> Admission: DeviceTable (cached entries)
 *                   -> HostStage: Iotlb, or HostWalker -> PhysicalMemory
 *                   |                                     DirectoryCache
 *                   |                                     ReverseMap (RMP)
 *                   -> GuestStage: Iotlb, or GuestWalker -> PhysicalMemory
 *                                                           DirectoryCache
 *                                                           HostStage, for each of its addresses
 *   Iommu.writeMmio -> RegisterFile -> CommandProcessor -> drops what the caches hold
 *                                  \-> EventLog
 *   TioFirmware -> SecureDeviceTable -> DeviceTable, for trusted requests
 *   MigrationEngine.writeRegister -> PsmashIo, while all of this waits
 * </pre>
 *
 * <p>Every bit stands in one descriptor class: {@link dev.cleave.hwmodel.iommu.DeviceTableEntry},
 * {@link dev.cleave.hwmodel.iommu.SecureDeviceEntry}, {@link dev.cleave.hwmodel.iommu.HostEntry},
 * {@link dev.cleave.hwmodel.cpu.X86Entry}, {@link dev.cleave.hwmodel.iommu.Command}, {@link
 * dev.cleave.hwmodel.iommu.Event}, {@link dev.cleave.hwmodel.iommu.Register}. Where the
 * specification leaves a choice or is not known, the choice stands with its reason in {@code
 * Choices}.
 */
@NullMarked
package dev.cleave.hwmodel.iommu;

import org.jspecify.annotations.NullMarked;
