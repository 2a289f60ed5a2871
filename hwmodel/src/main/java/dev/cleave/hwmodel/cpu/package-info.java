/**
 * The processor's side of SEV-SNP: a guest's accesses through the nested page table, with the RMP
 * checks that follow them, and the hypervisor's own writes.
 *
 * <p>{@link dev.cleave.hwmodel.cpu.Guest} is a virtual machine as the processor knows it. Guest
 * physical addresses are where it begins: the guest's own page tables are not modelled.
 */
@NullMarked
package dev.cleave.hwmodel.cpu;

import org.jspecify.annotations.NullMarked;
