package dev.cleave.hwmodel.memory;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.cleave.hwmodel.memory.PhysicalMemory.Piece;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Physical memory as images fill it: many pieces at once, and pieces at odd places in a file. */
class PhysicalMemoryImageTest {
  private static final int PAGE_BYTES = 4096;

  private final Arena arena = Arena.ofAuto();
  private final PhysicalMemory memory = new PhysicalMemory();

  private Piece piece(long spa, long value) {
    MemorySegment segment = arena.allocate(PAGE_BYTES, PAGE_BYTES);
    segment.set(ValueLayout.JAVA_LONG, 8, value);
    return new Piece(spa, segment);
  }

  @Test
  void manyPiecesInAnyOrderAreFoundBesideThoseThatWereThere() {
    memory.add(0x5000, piece(0x5000, 55).segment());
    List<Piece> pieces = new ArrayList<>();
    for (long spa = 0x8000_0000_0000_0000L; spa != 0x8000_0000_0010_0000L; spa += 2 * PAGE_BYTES) {
      pieces.add(piece(spa, spa));
    }
    pieces.add(piece(0x1000, 11));
    memory.addAll(pieces);
    pieces.forEach(
        piece -> assertEquals(piece.segment().get(ValueLayout.JAVA_LONG, 8), at(piece.spa())));
    assertEquals(55, at(0x5000));
    assertFalse(memory.isBacked(0x2000));
  }

  private long at(long spa) {
    return memory.getLong(spa + 8);
  }

  @Test
  void ofPiecesThatOverlapNoneIsAdded() {
    memory.add(0x5000, piece(0x5000, 55).segment());
    List<Piece> pieces = List.of(piece(0x9000, 1), piece(0x5000, 2));
    assertThrows(IllegalArgumentException.class, () -> memory.addAll(pieces));
    assertFalse(memory.isBacked(0x9000));
    assertEquals(55, at(0x5000));
  }

  @Test
  void aSegmentAtAnOddAddressCanBeRead() {
    MemorySegment odd = arena.allocate(2 * PAGE_BYTES, 8).asSlice(356, PAGE_BYTES);
    odd.set(ValueLayout.JAVA_LONG_UNALIGNED, 8, 0x1122334455667788L);
    memory.addAll(List.of(new Piece(0x7000, odd), piece(0x1000, 11)));
    assertEquals(0x1122334455667788L, at(0x7000));
    assertEquals(11, at(0x1000));
  }
}
