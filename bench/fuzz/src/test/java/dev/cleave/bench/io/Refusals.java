package dev.cleave.bench.io;

/** What every refusal must be, whatever was refused. */
public final class Refusals {
  private Refusals() {}

  /** Fails unless a refusal is words for a person, in one line. */
  public static void check(BadInput refusal) {
    String message = refusal.getMessage();
    if (message == null || message.lines().count() != 1) {
      throw new AssertionError("no words for a person: " + message, refusal);
    }
  }
}
