package dev.cleave.bench.replay;

import dev.cleave.engine.rmp.FollowedMemory;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpPort;

/**
 * Memory that is followed, of which pages come to lie elsewhere when they change their state: tells
 * which have.
 *
 * @param memory does everything
 * @param states what the follower knows, with the states before the change under way
 * @param moves is told of each run of pages that has moved
 */
record MovedMemory(FollowedMemory memory, RmpBitmap states, Moves moves) implements FollowedMemory {
  /** Told of pages that have moved, if anything is mapped there. */
  interface Moves {
    void moved(long gpa, long length);
  }

  @Override
  public void moved(long gpa, long bytes, boolean areShared) {
    memory.moved(gpa, bytes, areShared);
    long end = gpa + bytes;
    for (long at = gpa, next; at < end; at = next) {
      next = states.savedRunEnd(at, end);
      if (states.wasShared(at) != areShared) {
        moves.moved(at, next - at);
      }
    }
  }

  @Override
  public void reserve(long gpa, long bytes) {
    memory.reserve(gpa, bytes);
  }

  @Override
  public void unreserve() {
    memory.unreserve();
  }

  @Override
  public void split(long gpa, long bytes) {
    memory.split(gpa, bytes);
  }

  @Override
  public boolean isChanging() {
    return memory.isChanging();
  }

  @Override
  public boolean exchange(long region, RmpPort port) {
    return memory.exchange(region, port);
  }

  @Override
  public boolean canHaveLargeLeaf(long region, boolean asItStands) {
    return memory.canHaveLargeLeaf(region, asItStands);
  }

  @Override
  public void mergeAround(long gpa, long bytes) {
    memory.mergeAround(gpa, bytes);
  }

  @Override
  public void close() {
    memory.close();
  }
}
