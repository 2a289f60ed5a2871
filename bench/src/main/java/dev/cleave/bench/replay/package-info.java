/**
 * Replays a log against page tables, once for each policy of following the RMP, and measures what
 * each one does.
 */
package dev.cleave.bench.replay;
