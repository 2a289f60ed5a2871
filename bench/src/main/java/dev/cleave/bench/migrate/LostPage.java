package dev.cleave.bench.migrate;

/**
 * A page that the destination lacks when the migration is over.
 *
 * @param iova where the device wrote it
 * @param writtenNanos when it was written last, in virtual time from the begin of the migration on;
 *     below 0 before it
 * @param writtenInPass in which pass that was, 0 before the first
 * @param sentInPass in which pass it was sent last, 0 for none
 */
public record LostPage(long iova, long writtenNanos, int writtenInPass, int sentInPass) {}
