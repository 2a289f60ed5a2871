package dev.cleave.bench.replay;

import dev.cleave.bench.machine.DmaResult;

/**
 * What a policy came to for the devices of one kind.
 *
 * @param met what they met
 * @param tableBytes memory, at the end, of the tables that their requests can walk
 * @param illegalLeaves leaves there, at the end, that the RMP forbids
 */
public record DeviceResult(DmaResult.OfKind met, long tableBytes, long illegalLeaves) {
  /** The kind's name. */
  public String kind() {
    return met.kind().word();
  }

  /** Which pages of theirs the policy gave them, in a word. */
  public String pages() {
    if (met.hasShared()) {
      return met.hasPrivate() ? "both" : "shared";
    }
    return met.hasPrivate() ? "private" : "none";
  }
}
