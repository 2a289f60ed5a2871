package dev.cleave.hwmodel.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PhysicalMemoryTest {
  private final PhysicalMemory memory = new PhysicalMemory();
  private final Arena arena = Arena.ofAuto();

  @Test
  void wordsAreLittleEndian() {
    MemorySegment piece = memory.allocate(0x1000, 0x1000, arena);
    memory.setLong(0x1008, 0x1122334455667788L);
    assertEquals((byte) 0x88, piece.get(ValueLayout.JAVA_BYTE, 8));
    assertEquals((byte) 0x11, piece.get(ValueLayout.JAVA_BYTE, 15));
  }

  @Test
  void aHoleThrowsItsAddress() {
    memory.allocate(0x1000, 0x1000, arena);
    assertEquals(
        0x2000, assertThrows(PhysicalMemoryFault.class, () -> memory.getLong(0x2000)).address());
    assertEquals(
        0xff8, assertThrows(PhysicalMemoryFault.class, () -> memory.setLong(0xff8, 1)).address());
  }

  @Test
  void aHoleReadsAsWhatTheCallerSays() {
    memory.allocate(0x1000, 0x1000, arena);
    assertEquals(7, memory.getLongOr(0x3000, 7));
    assertEquals(0, memory.getLongOr(0x1ff8, 7));
  }

  @Test
  void aPieceAddedLaterIsFoundAtAnAddressThatWasAHole() {
    memory.allocate(0x1000, 0x1000, arena);
    assertFalse(memory.isBacked(0x5000));
    memory.allocate(0x5000, 0x1000, arena);
    assertTrue(memory.isBacked(0x5000));
    assertEquals(0, memory.getLong(0x5ff8));
  }

  @Test
  void manyPiecesAnswerLikeAMapOfWords() {
    Random random = new Random(1);
    long[] starts = new long[100];
    for (int i = 0; i < starts.length; i++) {
      starts[i] = ((long) i << 33) + ((long) random.nextInt(1 << 20) << 12);
      memory.allocate(starts[i], 0x2000, arena);
      memory.setLong(starts[i] + 0x1ff8, i);
    }
    for (int round = 0; round < 10_000; round++) {
      int i = random.nextInt(starts.length);
      assertEquals(i, memory.getLong(starts[i] + 0x1ff8));
      assertFalse(memory.isBacked(starts[i] + 0x2000));
      assertFalse(memory.isBacked(starts[i] - 1));
    }
  }

  @Test
  void piecesMayNotOverlapOrBeMisaligned() {
    memory.allocate(0x4000, 0x4000, arena);
    for (long start : new long[] {0x3000, 0x4000, 0x7000}) {
      MemorySegment two = arena.allocate(0x2000, 8);
      assertThrows(IllegalArgumentException.class, () -> memory.add(start, two));
    }
    MemorySegment odd = arena.allocate(0x1008, 8);
    assertThrows(IllegalArgumentException.class, () -> memory.add(0x10000, odd));
    MemorySegment page = arena.allocate(0x2000, 8);
    assertThrows(IllegalArgumentException.class, () -> memory.add(0x10001, page));
    assertThrows(IllegalArgumentException.class, () -> memory.add(-0x1000, page));
  }

  @Test
  void theLastPageOfTheAddressSpaceMayBeFilled() {
    memory.allocate(-0x1000, 0x1000, arena);
    memory.setLong(-8, 5);
    assertEquals(5, memory.getLong(-8));
    assertFalse(memory.isBacked(0));
  }

  @Test
  void atomicOperationsTellWhatStoodThere() {
    memory.allocate(0, 0x1000, arena);
    memory.setLong(0, 0b0011);
    assertEquals(0b0011, memory.getAndOrLong(0, 0b0110));
    assertEquals(0b0111, memory.getAndSetLong(0, 1));
    assertFalse(memory.compareAndSetLong(0, 2, 3));
    assertTrue(memory.compareAndSetLong(0, 1, 3));
    assertEquals(3, memory.getLong(0));
  }

  @Test
  void aBlockMoveSpansPiecesThatTouch() {
    memory.allocate(0x1000, 0x1000, arena);
    memory.allocate(0x2000, 0x1000, arena);
    MemorySegment out = arena.allocate(0x1800, 8);
    for (long i = 0; i < 0x1800; i++) {
      out.set(ValueLayout.JAVA_BYTE, i, (byte) (i * 7));
    }
    memory.write(0x1400, out, 0, 0x1800);
    MemorySegment in = arena.allocate(0x1800, 8);
    memory.read(0x1400, in, 0, 0x1800);
    assertEquals(-1, out.mismatch(in));
  }

  @Test
  void aBlockMoveIntoAHoleFaultsAtTheHole() {
    memory.allocate(0x1000, 0x1000, arena);
    MemorySegment buffer = arena.allocate(0x1000, 8);
    PhysicalMemoryFault fault =
        assertThrows(PhysicalMemoryFault.class, () -> memory.write(0x1800, buffer, 0, 0x1000));
    assertEquals(0x2000, fault.address());
  }

  @Test
  void aFilePieceIsSharedThroughItsFile(@TempDir Path directory) throws IOException {
    Path file = directory.resolve("ram");
    try (Arena mapping = Arena.ofConfined()) {
      memory.addFile(0x100000, file, 0x4000, mapping);
      memory.setLong(0x103ff8, 0x0123456789abcdefL);
      byte[] bytes = Files.readAllBytes(file);
      assertEquals(0x4000, bytes.length);
      assertEquals(
          0x0123456789abcdefL,
          ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong(0x3ff8));
    }
  }
}
