package dev.cleave.bench.torture;

import java.util.List;
import java.util.Map;

/**
 * What a run came to.
 *
 * @param operations of writers, by kind
 * @param nanos time that writers had
 * @param rounds tables that were made, tortured and closed
 * @param accesses of devices
 * @param hits accesses that a kept translation answered
 * @param marks status bits that devices set, or tried to
 * @param translations of software readers
 * @param flushes gathers that were flushed and completed
 * @param violation what was found, or null
 * @param last the last operations that had to do with it, oldest first
 */
public record TortureResult(
    Map<OperationKind, Long> operations,
    long nanos,
    int rounds,
    long accesses,
    long hits,
    long marks,
    long translations,
    long flushes,
    String violation,
    List<String> last) {
  /**
   * Operations of writers of all kinds.
   *
   * @return a number
   */
  public long allOperations() {
    return operations.values().stream().mapToLong(Long::longValue).sum();
  }
}
