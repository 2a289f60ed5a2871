package dev.cleave.bench.rival;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.management.ThreadMXBean;
import dev.cleave.engine.format.Access;
import java.lang.management.ManagementFactory;
import org.junit.jupiter.api.Test;

/** Runs the contract, and counts its bytes beside what Java says that it allocated. */
class HeapRadixTest extends RivalTableContract {
  private static final long BYTES = 1L << 30;

  @Override
  RivalTable create() {
    return new HeapRadix(LIMIT);
  }

  @Test
  void itsBytesAreThoseThatJavaAllocatesForIt() {
    var thread = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = 0;
    HeapRadix table = null;
    for (int i = 0; i < 2; i++) { // the first loads classes
      before = thread.getCurrentThreadAllocatedBytes();
      table = new HeapRadix(BYTES);
      table.map(0, 0, BYTES, Access.READ_WRITE);
    }
    long allocated = thread.getCurrentThreadAllocatedBytes() - before;
    assertEquals((double) allocated, (double) table.bytes(), 1000);
  }
}
