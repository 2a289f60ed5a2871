package dev.cleave.engine.ioas;

import dev.cleave.engine.TableStatistics;
import java.util.List;

/** What a space is like at a moment: read under its lock, by who does not hold it. */
final class SpaceView {
  private final SpaceState state;

  SpaceView(SpaceState state) {
    this.state = state;
  }

  long alignment() {
    state.lock.lock();
    try {
      return state.alignment();
    } finally {
      state.lock.unlock();
    }
  }

  List<IovaRange> iovaRanges() {
    state.lock.lock();
    try {
      return state.reserved.holes();
    } finally {
      state.lock.unlock();
    }
  }

  List<HardwarePageTable> tables() {
    state.lock.lock();
    try {
      return state.tables.all();
    } finally {
      state.lock.unlock();
    }
  }

  boolean hugePages() {
    state.lock.lock();
    try {
      return state.hugePages;
    } finally {
      state.lock.unlock();
    }
  }

  int operationsMade() {
    state.lock.lock();
    try {
      return state.operations.made();
    } finally {
      state.lock.unlock();
    }
  }

  SpaceStatistics statistics() {
    long count;
    long bytes;
    HardwarePageTable[] attached;
    state.lock.lock();
    try {
      count = state.areas.tree.size();
      bytes = state.areas.bytes();
      attached = state.tables.array();
    } finally {
      state.lock.unlock();
    }
    long splits = 0;
    long merges = 0;
    long stores = 0;
    for (HardwarePageTable table : attached) {
      TableStatistics counted = table.table().statistics();
      splits += counted.splits();
      merges += counted.merges();
      stores += counted.entryStores();
    }
    return new SpaceStatistics(
        count, bytes, attached.length, state.rule.granularity.ranges(), splits, merges, stores);
  }
}
