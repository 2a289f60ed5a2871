package dev.cleave.hwmodel.iommu;

import java.util.concurrent.atomic.AtomicLong;

/**
 * The registers and the rules of their bits.
 *
 * <p>Thread-safe: software and hardware may be different threads. The head of the command buffer
 * and the tail of the event log are hardware's while their ring runs, and writes to them are
 * ignored then.
 */
final class RegisterFile {
  /** Software clears these by writing ones. */
  private static final long WRITE_ONE_TO_CLEAR =
      Register.STATUS_EVENT_OVERFLOW
          | Register.STATUS_EVENT_INTERRUPT
          | Register.STATUS_COMPLETION_INTERRUPT;

  private final long features;
  private final long features2;
  private final Ring commands = new Ring();
  private final Ring events = new Ring();
  private final AtomicLong status = new AtomicLong();
  private volatile long deviceTableBase;
  private volatile long control;
  private volatile long exclusionBase;
  private volatile long exclusionLimit;
  private volatile long pprLogBase;

  RegisterFile(long features, long features2) {
    this.features = features;
    this.features2 = features2;
  }

  /** Reads a register; what does not exist reads zero. */
  long read(long offset) {
    if (offset == Register.DEVICE_TABLE_BASE) {
      return deviceTableBase;
    } else if (offset == Register.COMMAND_BASE) {
      return commands.base();
    } else if (offset == Register.EVENT_BASE) {
      return events.base();
    } else if (offset == Register.CONTROL) {
      return control;
    } else if (offset == Register.EXCLUSION_BASE) {
      return exclusionBase;
    } else if (offset == Register.EXCLUSION_LIMIT) {
      return exclusionLimit;
    } else if (offset == Register.FEATURES) {
      return features;
    } else if (offset == Register.FEATURES_2) {
      return features2;
    } else if (offset == Register.PPR_LOG_BASE) {
      return pprLogBase;
    } else if (offset == Register.COMMAND_HEAD) {
      return commands.head();
    } else if (offset == Register.COMMAND_TAIL) {
      return commands.tail();
    } else if (offset == Register.EVENT_HEAD) {
      return events.head();
    } else if (offset == Register.EVENT_TAIL) {
      return events.tail();
    } else if (offset == Register.STATUS) {
      return status.get()
          | (commandsRun() ? Register.STATUS_COMMANDS_RUN : 0)
          | (eventLogRuns() ? Register.STATUS_EVENT_LOG_RUNS : 0);
    }
    return 0;
  }

  /** Writes a register; what does not exist or is read-only ignores it. */
  void write(long offset, long value) {
    if (offset == Register.DEVICE_TABLE_BASE) {
      deviceTableBase = value;
    } else if (offset == Register.COMMAND_BASE) {
      commands.setBase(value);
    } else if (offset == Register.EVENT_BASE) {
      events.setBase(value);
    } else if (offset == Register.CONTROL) {
      writeControl(value);
    } else if (offset == Register.EXCLUSION_BASE) {
      exclusionBase = value;
    } else if (offset == Register.EXCLUSION_LIMIT) {
      exclusionLimit = value;
    } else if (offset == Register.PPR_LOG_BASE) {
      pprLogBase = value;
    } else if (offset == Register.COMMAND_HEAD && !commandsRun()) {
      commands.setHead(value);
    } else if (offset == Register.COMMAND_TAIL) {
      commands.setTail(value);
    } else if (offset == Register.EVENT_HEAD) {
      events.setHead(value);
    } else if (offset == Register.EVENT_TAIL && !eventLogRuns()) {
      events.setTail(value);
    } else if (offset == Register.STATUS) {
      status.updateAndGet(old -> old & ~(value & WRITE_ONE_TO_CLEAR));
    }
  }

  private void writeControl(long value) {
    long risen = value & ~control;
    if ((risen & Register.CONTROL_COMMANDS) != 0) {
      commands.restart();
    }
    boolean overflowed = (status.get() & Register.STATUS_EVENT_OVERFLOW) != 0;
    if ((risen & Register.CONTROL_EVENT_LOG) != 0
        && !(Choices.RESTART_NEEDS_OVERFLOW_CLEAR && overflowed)) {
      events.restart();
    }
    control = value;
  }

  boolean isEnabled() {
    return (control & Register.CONTROL_ENABLE) != 0;
  }

  boolean isEnabled(long controlBits) {
    return (control & controlBits) == controlBits;
  }

  boolean commandsRun() {
    return isEnabled(Register.CONTROL_ENABLE | Register.CONTROL_COMMANDS) && commands.isReady();
  }

  boolean eventLogRuns() {
    return isEnabled(Register.CONTROL_ENABLE | Register.CONTROL_EVENT_LOG) && events.isReady();
  }

  void setStatus(long bits) {
    status.accumulateAndGet(bits, (old, more) -> old | more);
  }

  long features() {
    return features;
  }

  boolean has(long feature) {
    return (features & feature) != 0;
  }

  Ring commands() {
    return commands;
  }

  Ring events() {
    return events;
  }

  long deviceTableBase() {
    return deviceTableBase;
  }

  /** Whether an address is in the exclusion range of all devices, or of those that ask for it. */
  boolean isExcluded(long iova, boolean deviceAsks) {
    long base = exclusionBase;
    return (base & Register.EXCLUSION_ENABLE) != 0
        && (deviceAsks || (base & Register.EXCLUSION_ALL_DEVICES) != 0)
        && Register.inExclusionRange(base, exclusionLimit, iova);
  }

  /** With SNP the exclusion registers bound where completion stores may go. */
  boolean mayStoreCompletion(long spa) {
    return !has(Register.FEATURE_SNP)
        || Register.inExclusionRange(exclusionBase, exclusionLimit, spa);
  }
}
