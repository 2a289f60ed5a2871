package dev.cleave.hwmodel.iommu;

import dev.cleave.hwmodel.memory.PhysicalMemory;

/**
 * Writes events into the ring in memory. A full ring sets EventOverflow, stops the log, loses the
 * event and interrupts as an event does (48882, 2.5.1); software recovers by EventLogEn 0, clearing
 * EventOverflow, EventLogEn 1.
 *
 * <p>For the hardware's thread only.
 */
final class EventLog {
  private final PhysicalMemory memory;
  private final RegisterFile registers;
  private final Statistics statistics;

  EventLog(PhysicalMemory memory, RegisterFile registers, Statistics statistics) {
    this.memory = memory;
    this.registers = registers;
    this.statistics = statistics;
  }

  /** Logs an event, or loses it. */
  void append(long q0, long q1) {
    statistics.countEvent(Event.code(q0));
    Ring ring = registers.events();
    if (!registers.eventLogRuns()) {
      statistics.eventsLost++;
      return;
    }
    if (ring.isFull()) {
      registers.setStatus(Register.STATUS_EVENT_OVERFLOW);
      ring.stop();
      statistics.eventsLost++;
      interrupt();
      return;
    }
    long at = ring.tailAddress();
    if (!memory.isBacked(at)) {
      statistics.eventsLost++;
      return;
    }
    memory.setLong(at + Long.BYTES, q1);
    memory.setLong(at, q0);
    ring.advanceTail();
    registers.setStatus(Register.STATUS_EVENT_INTERRUPT);
    interrupt();
  }

  private void interrupt() {
    if (registers.isEnabled(Register.CONTROL_EVENT_INTERRUPT)) {
      statistics.interrupts++;
    }
  }
}
