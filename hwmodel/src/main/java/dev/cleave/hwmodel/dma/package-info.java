/**
 * Devices that read and write memory through the IOMMU, with real data: every word of memory says
 * which address it belongs to, so that a wrong translation is found by what it yields.
 *
 * <p>A {@link dev.cleave.hwmodel.dma.DmaDevice} asks its {@link
 * dev.cleave.hwmodel.dma.AccessPattern} what to do next, cuts it at 4 KiB boundaries, has the IOMMU
 * translate each piece, moves the bytes and checks them against the {@link
 * dev.cleave.hwmodel.dma.PageIdentity}. {@link dev.cleave.hwmodel.dma.HardwareAgent} runs devices
 * and command ring on a thread of their own.
 */
@NullMarked
package dev.cleave.hwmodel.dma;

import org.jspecify.annotations.NullMarked;
