package dev.cleave.hwmodel.iommu;

/**
 * A ring of 16-byte entries in memory: the command buffer or the event log. Software and hardware
 * each write one of its two pointers; either side may read both.
 */
final class Ring {
  private static final int ENTRY_BYTES = 16;
  private static final int LEAST_LENGTH_LOG2 = 8;

  private volatile long base;
  private volatile long head;
  private volatile long tail;
  private volatile boolean stopped;

  /** Writing the base empties the ring. */
  void setBase(long value) {
    base = value;
    head = 0;
    tail = 0;
  }

  long base() {
    return base;
  }

  long head() {
    return head;
  }

  void setHead(long value) {
    head = Register.pointer(value);
  }

  long tail() {
    return tail;
  }

  void setTail(long value) {
    tail = Register.pointer(value);
  }

  /** After an error nothing moves until the ring is enabled anew. */
  void stop() {
    stopped = true;
  }

  void restart() {
    stopped = false;
  }

  /** Whether it can run at all: it met no error, and its length code is not a reserved one. */
  boolean isReady() {
    return !stopped && Register.ringLengthLog2(base) >= LEAST_LENGTH_LOG2;
  }

  boolean isEmpty() {
    return wrap(head) == wrap(tail);
  }

  boolean isFull() {
    return wrap(tail + ENTRY_BYTES) == wrap(head);
  }

  /** Physical address of the entry at the head. */
  long headAddress() {
    return Register.address(base) + wrap(head);
  }

  /** Physical address of the entry at the tail. */
  long tailAddress() {
    return Register.address(base) + wrap(tail);
  }

  void advanceHead() {
    head = wrap(head + ENTRY_BYTES);
  }

  void advanceTail() {
    tail = wrap(tail + ENTRY_BYTES);
  }

  /** Pointers beyond the ring's end wrap, so that no pointer can make a ring endless. */
  private long wrap(long pointer) {
    return pointer & (((long) ENTRY_BYTES << Register.ringLengthLog2(base)) - 1);
  }
}
