/** What software says to an AMD IOMMU, be it QEMU's or the model. */
package dev.cleave.bench.iommu;
