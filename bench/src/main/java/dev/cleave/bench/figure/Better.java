package dev.cleave.bench.figure;

/** Which number wins where several are compared. */
public enum Better {
  LOW,
  HIGH,
  /** None: the number says only how it was. */
  NEITHER
}
