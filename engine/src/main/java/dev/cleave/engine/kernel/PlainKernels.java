package dev.cleave.engine.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The kernels as plain loops, which run everywhere. Stateless and thread-safe. */
final class PlainKernels implements TableKernels {
  private static final ValueLayout.OfLong WORD =
      ValueLayout.JAVA_LONG.withOrder(ByteOrder.LITTLE_ENDIAN);

  @Override
  public void fill(
      MemorySegment segment, long offset, int count, long first, long step, int replicasLog2) {
    long value = first;
    int replicas = 1 << replicasLog2;
    for (int i = 0; i < count; value += step) {
      for (int end = Math.min(count, i + replicas); i < end; i++) {
        segment.set(WORD, offset + 8L * i, value);
      }
    }
  }

  @Override
  public void zero(MemorySegment segment, long offset, int count) {
    for (int i = 0; i < count; i++) {
      segment.set(WORD, offset + 8L * i, 0);
    }
  }

  @Override
  public int countAny(MemorySegment segment, long offset, int count, long mask) {
    int found = 0;
    for (int i = 0; i < count; i++) {
      if ((segment.get(WORD, offset + 8L * i) & mask) != 0) {
        found++;
      }
    }
    return found;
  }

  @Override
  public boolean isProgression(
      MemorySegment segment,
      long offset,
      int count,
      long first,
      long step,
      int replicasLog2,
      long ignored) {
    for (int i = 0; i < count; i++) {
      long expected = first + (i >> replicasLog2) * step;
      if (((segment.get(WORD, offset + 8L * i) ^ expected) & ~ignored) != 0) {
        return false;
      }
    }
    return true;
  }

  @Override
  public long or(MemorySegment segment, long offset, int count) {
    long bits = 0;
    for (int i = 0; i < count; i++) {
      bits |= segment.get(WORD, offset + 8L * i);
    }
    return bits;
  }

  @Override
  public String toString() {
    return "plain";
  }
}
