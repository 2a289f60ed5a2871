/**
 * A QEMU that runs no guest code: its memory, its PCI devices and its AMD IOMMU, driven from
 * outside. Nothing here knows what a test is.
 */
package dev.cleave.bench.conform.qemu;
