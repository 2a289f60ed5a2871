package dev.cleave.bench.replay;

import dev.cleave.bench.machine.DmaResult;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a policy did over a whole replay. The names are those of the JSON output.
 *
 * @param policy its name
 * @param order what came first when table and RMP changed; null where no order is chosen
 * @param events events that were tried
 * @param failed events that were refused
 * @param misplaced events that do not fit the table as they found it: refused ones, and unmaps that
 *     the log reports and that found less mapped
 * @param splits leaves replaced by smaller ones
 * @param merges leaves made of smaller ones
 * @param stores entries written
 * @param flushes flush commands
 * @param flushedBytes bytes that they named
 * @param gapBytes bytes that should have stayed mapped but did not translate for a moment
 * @param rmpFaults times that, during an event, the leaves and the RMP of a region disagreed: a DMA
 *     there would have faulted
 * @param illegalLeaves leaves at the end that the RMP forbids
 * @param tableBytesPeak the most table memory in use, pages that wait for a flush included
 * @param tableBytesEnd table memory in use at the end
 * @param nsP50 median time of an event
 * @param nsP99 99th percentile
 * @param nsMax the longest
 * @param nsTotal all events together
 * @param dma what devices met, with {@code --dma}
 * @param tables what each table came to; the figures above are those of the IOMMU table
 */
public record PolicyResult(
    String policy,
    @Nullable String order,
    long events,
    long failed,
    long misplaced,
    long splits,
    long merges,
    long stores,
    long flushes,
    long flushedBytes,
    long gapBytes,
    long rmpFaults,
    long illegalLeaves,
    long tableBytesPeak,
    long tableBytesEnd,
    long nsP50,
    long nsP99,
    long nsMax,
    long nsTotal,
    @Nullable DmaResult dma,
    List<TableResult> tables) {}
