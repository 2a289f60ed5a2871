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

  @Test
  void whatWasWrittenIsReportedOnceAndTheTranslationStays() {
    HeapRadix table = new HeapRadix(BYTES);
    table.map(0, 1L << 40, BYTES, Access.READ_WRITE);
    long[] bitmap = new long[(int) (BYTES / 4096 / Long.SIZE)];
    table.setDirty(0);
    table.setDirty(4096 * 65);
    table.setDirty(BYTES - 4096);
    assertEquals(3 * 4096, table.readAndClearDirty(0, BYTES, bitmap));
    assertEquals(1, bitmap[0]);
    assertEquals(2, bitmap[1]);
    assertEquals(Long.MIN_VALUE, bitmap[bitmap.length - 1]);
    assertEquals(0, table.readAndClearDirty(0, BYTES, bitmap));
    assertEquals((1L << 40) + 4096 * 65 + 7, table.translate(4096 * 65 + 7));
  }
}
