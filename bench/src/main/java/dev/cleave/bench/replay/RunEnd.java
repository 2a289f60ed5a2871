package dev.cleave.bench.replay;

import java.util.Map;
import org.HdrHistogram.Histogram;

/**
 * What a replay has come to, apart from its tables.
 *
 * @param events events that were tried
 * @param failed events that were refused
 * @param misplaced events that did not fit the table as they found it
 * @param refused events that were refused, by reason
 * @param backingBytesPeak the most memory that lay in the shared backing
 * @param backingBytesEnd memory that lies in it
 * @param duplicateBytesPeak the most of it that was of private pages
 * @param exchanges changes of table and RMP in one step of the hardware
 * @param nanos the time of each event
 * @param totalNanos all events together
 */
record RunEnd(
    long events,
    long failed,
    long misplaced,
    Map<String, Long> refused,
    long backingBytesPeak,
    long backingBytesEnd,
    long duplicateBytesPeak,
    long exchanges,
    Histogram nanos,
    long totalNanos) {}
