package dev.cleave.bench.image.table;

/**
 * Where an entry stands and what it is.
 *
 * @param table physical address of its table
 * @param level hardware level of the table
 * @param index the entry's index, 0 to 511
 * @param iova first address that the entry decodes
 * @param entry the raw entry
 */
public record Site(long table, int level, int index, long iova, long entry) {}
