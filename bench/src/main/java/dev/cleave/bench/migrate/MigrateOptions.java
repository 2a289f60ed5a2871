package dev.cleave.bench.migrate;

/**
 * What migrations have in common that are compared.
 *
 * @param bandwidth of the link, in bytes a second
 * @param downtimeNanos how long devices may stand still at the end
 * @param mostPasses so many passes before devices are stopped whatever is left, at most {@value
 *     #MOST_PASSES}
 * @param flushNanos how long the IOMMU takes for a command
 * @param warmUpNanos how long devices write before the migration and after it, to see the IOTLB
 * @param mergeBack when leaves become large again
 * @param pageSizes leaf sizes of the table, bit {@code s} for 2^s bytes
 * @param seed what the devices' writes depend on
 * @param fault what is broken on purpose
 */
public record MigrateOptions(
    long bandwidth,
    long downtimeNanos,
    int mostPasses,
    long flushNanos,
    long warmUpNanos,
    MergeBack mergeBack,
    long pageSizes,
    long seed,
    Fault fault) {
  /** The number of the pass that sent a page last is kept in a byte. */
  public static final int MOST_PASSES = 100;
}
