package dev.cleave.bench.image.table;

/**
 * Where a walk begins.
 *
 * @param paddr physical address of the top table, without the C-bit
 * @param levels hardware level of the top table, 1 to 6
 * @param access the permissions that bound those of the table
 */
public record TableRoot(long paddr, int levels, int access) {}
