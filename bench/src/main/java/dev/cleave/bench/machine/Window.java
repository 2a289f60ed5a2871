package dev.cleave.bench.machine;

/**
 * A moment of an event: between two steps of changing table and RMP. What a device meets then it
 * meets in the window of that name.
 */
public enum Window {
  /** The table has changed, and the IOTLB may still hold what it said before. */
  BEFORE_FLUSH("before a flush"),
  /** The table has changed and been flushed; the rest of the event is still to come. */
  AFTER_FLUSH("after a flush"),
  /** A 2 MiB RMP entry has become 512 of 4 KiB. */
  SMASHED("after PSMASH"),
  /** 512 RMP entries have become one of 2 MiB. */
  UNSMASHED("after unsmash"),
  /** Pages have been made shared in the RMP. */
  UNASSIGNED("after unassign"),
  /** Pages have been made private in the RMP. */
  ASSIGNED("after assign"),
  /** Table and RMP have changed together, while all DMA waited. */
  EXCHANGED("after an exchange");

  private final String word;

  Window(String word) {
    this.word = word;
  }

  /** Its name. */
  public String word() {
    return word;
  }
}
