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
 * <p>Every change of the space is made in all its tables or in none. Refusals are {@link
 * dev.cleave.engine.ioas.IoasException}, with the error number that iommufd would return.
 */
@NullMarked
package dev.cleave.engine.ioas;

import org.jspecify.annotations.NullMarked;
