package dev.cleave.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.engine.PageTableException.Reason;
import dev.cleave.engine.SpecWalker.Leaf;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.memory.TablePages;
import java.util.List;
import org.junit.jupiter.api.function.Executable;

/** A table with its memory and one gather, and what many tests ask of them. */
final class SmallTable implements AutoCloseable {
  static final long PAGE = 4096;
  static final int PAGES = 4096;

  final TablePages pages = TablePages.reserve(PAGES * PAGE, PAGES * PAGE, 1L << 32, false);
  final TableMemory memory = TableMemory.of(pages);
  final PageTable table;
  final IotlbGather gather;

  SmallTable() {
    this(PageTableConfig.of(AmdV1.LINUX));
  }

  SmallTable(TableKind kind) {
    this(kind.config());
  }

  SmallTable(PageTableConfig config) {
    table = PageTable.create(memory, config);
    gather = table.newGather();
  }

  List<Leaf> leaves() {
    return SpecWalker.of(pages, table).leaves(table.root(), table.levels());
  }

  /** Logarithms of the sizes of all leaves, ascending by iova. */
  List<Integer> sizes() {
    return leaves().stream().map(Leaf::sizeLog2).toList();
  }

  /** Logarithm of the size of the leaf around an address. */
  int sizeAt(long iova) {
    LeafCursor cursor = table.leaves();
    assertTrue(table.leafAt(iova, cursor), "mapped");
    return cursor.sizeLog2();
  }

  TableSnapshot snapshot() {
    return TableSnapshot.of(pages, table, gather);
  }

  /** Fails unless an operation is refused in just this way and changes nothing. */
  void assertRefused(Reason reason, long address, String message, Executable operation) {
    TableSnapshot before = snapshot();
    PageTableException refusal = assertThrows(PageTableException.class, operation);
    assertEquals(reason, refusal.reason());
    assertEquals(Long.toHexString(address), Long.toHexString(refusal.address()));
    assertTrue(
        String.valueOf(refusal.getMessage()).contains(message),
        () -> "\"" + refusal.getMessage() + "\" does not say \"" + message + "\"");
    assertEquals(before, snapshot());
  }

  @Override
  public void close() {
    gather.complete();
    table.close();
    memory.close();
  }
}
