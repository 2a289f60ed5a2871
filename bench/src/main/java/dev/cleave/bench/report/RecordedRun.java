package dev.cleave.bench.report;

import dev.cleave.bench.replay.PolicyResult;

/**
 * A policy's replay.
 *
 * @param result what it came to
 * @param recorder what was noted on the way
 */
public record RecordedRun(PolicyResult result, RunRecorder recorder) {
  String policy() {
    return result.policy();
  }
}
