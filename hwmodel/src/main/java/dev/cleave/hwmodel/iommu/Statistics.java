package dev.cleave.hwmodel.iommu;

/**
 * What an IOMMU did since it was built or the counts were reset. Written by the hardware's thread
 * without order: another thread reads exact numbers only while the hardware rests.
 */
public final class Statistics {
  private static final int EVENT_CODES = 16;
  private static final int OPERATIONS = 16;

  /** Requests of devices. */
  public long requests;

  /** Requests that were not translated: IOMMU off, V=0, Mode=0 or the exclusion range. */
  public long untranslated;

  /** Requests that went to the interrupt path. */
  public long interruptMessages;

  /** Look-ups the IOTLB answered: of requests, and of what a guest walk asks the host table for. */
  public long iotlbHits;

  /** Look-ups the IOTLB had no entry for. */
  public long iotlbMisses;

  /** Walks because a cached entry lacked A or D. */
  public long markWalks;

  /** Walks of a host table, those that ended in a fault included. */
  public long walks;

  /** Host table entries the walks read. */
  public long walkSteps;

  /** Walks of a guest table, those that ended in a fault included. */
  public long guestWalks;

  /** GCR3 and guest table entries the walks read. */
  public long guestSteps;

  /** Walks that began below the top, at a cached directory. */
  public long directoryHits;

  /** Walks begun anew because an entry changed while A or D was being set. */
  public long restarts;

  /** A or D bits, or both at once, set in memory. */
  public long marks;

  /** Device table entries read from memory. */
  public long deviceEntriesRead;

  /** RMP look-ups. */
  public long rmpChecks;

  /** Page faults not logged because the device table entry said so. */
  public long eventsSuppressed;

  /** Events that found no room, a stopped log or no memory. */
  public long eventsLost;

  /** Interrupts signalled. */
  public long interrupts;

  /** Cached translations that invalidations dropped. */
  public long iotlbDropped;

  /** Cached directories that invalidations dropped. */
  public long directoriesDropped;

  /** Entries replaced while they may have been held; counted in strict mode only. */
  public long liveReplacements;

  /** Physical address of the last of these entries. */
  public long lastLiveReplacement;

  /** Time the DMA was stalled by the migration engine, in nanoseconds. */
  public long stallNanos;

  private final long[] events = new long[EVENT_CODES];
  private final long[] commands = new long[OPERATIONS];

  /** All counts zero. */
  public Statistics() {}

  /**
   * Events of one kind, logged or lost.
   *
   * @param code an {@link Event} code, 0 to 15
   * @return how many
   */
  public long events(int code) {
    return events[code];
  }

  /**
   * Commands of one kind that were carried out.
   *
   * @param operation a {@link Command} operation, 0 to 15
   * @return how many
   */
  public long commands(int operation) {
    return commands[operation];
  }

  void countEvent(int code) {
    events[code]++;
  }

  void countCommand(int operation) {
    commands[operation]++;
  }
}
