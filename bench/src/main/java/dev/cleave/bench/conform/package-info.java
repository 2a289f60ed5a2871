/**
 * Conformance: QEMU's AMD IOMMU translates DMA through tables that the engine writes, and every
 * answer is compared with what was asked for and with what the engine itself says.
 */
package dev.cleave.bench.conform;
