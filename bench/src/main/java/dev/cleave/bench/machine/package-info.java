/**
 * A machine made of model parts: guest memory, an IOMMU with its RMP, and devices that do DMA. The
 * engine's tables are bound to it through registers and memory alone.
 */
package dev.cleave.bench.machine;
