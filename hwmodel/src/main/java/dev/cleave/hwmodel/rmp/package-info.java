/**
 * The reverse map (RMP) of SEV-SNP: who owns each page of system memory.
 *
 * <p>{@link dev.cleave.hwmodel.rmp.ReverseMap} finds entries and answers the IOMMU, {@link
 * dev.cleave.hwmodel.rmp.RmpInstructions} is what hypervisor and guest execute, {@link
 * dev.cleave.hwmodel.rmp.RmpFirmware} what only the firmware does. The table itself is bytes in
 * physical memory, {@link dev.cleave.hwmodel.rmp.RmpEntry} their layout.
 *
 * <p>In a 2 MiB page only the first of the 512 entries means anything, so that whoever looks at a
 * page looks at its region's first entry first: its <em>head</em>.
 */
@NullMarked
package dev.cleave.hwmodel.rmp;

import org.jspecify.annotations.NullMarked;
