/**
 * An I/O address space and the page tables that show it to hardware: the object model of iommufd,
 * without its file descriptors.
 *
 * <pre>
 *   IoAddressSpace   areas: a range of iovas, the memory behind it, what devices may do
 *        |           ranges of page granularity, reserved and allowed iovas
 *        +-- HardwarePageTable   a PageTable with its own sizes, levels, memory and flush
 *        +-- HardwarePageTable
 * </pre>
 *
 * <h2>All or nothing</h2>
 *
 * <p>Every change of the space is made in all its tables or in none. What is refused changes
 * nothing, neither areas nor tables; where one table of several runs out of memory, none is
 * changed. The one exception is iommufd's own, and in {@link dev.cleave.engine.ioas.UnmapRule}. A
 * refusal is an {@link dev.cleave.engine.ioas.IoasException}, with the error number that iommufd
 * would return. Checks are made in iommufd's order.
 *
 * <h2>Flushes</h2>
 *
 * <p>Every method of the space returns after what it owes has been flushed in each table, by the
 * thread that called; until then iovas that are unmapped are not free. Flushes of unmaps can be
 * {@linkplain dev.cleave.engine.ioas.IoAddressSpace#deferFlushes put off}.
 */
@NullMarked
package dev.cleave.engine.ioas;

import org.jspecify.annotations.NullMarked;
