package dev.cleave.bench.conform;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.conform.Conformance.Failure;
import dev.cleave.bench.conform.qemu.Machine;
import dev.cleave.bench.conform.qemu.QemuInstalled;
import dev.cleave.bench.conform.qemu.QemuOptions;
import dev.cleave.engine.memory.TablePages;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** QEMU judges tables whose flushes wait; and finds what is wrong with those alone. */
@Tag("slow")
class DeferredConformanceTest {
  private static final long KINDS = CaseKind.values().length;
  private static final int ROUNDS = 8;

  @BeforeAll
  static void needsQemu() {
    QemuInstalled.orSkip();
  }

  @ParameterizedTest
  @ValueSource(ints = {3, 64})
  void whatIsMappedIsNoHoleWhateverFlushIsOutstanding(int mostOutstanding) {
    try (Machine machine = Machine.start(QemuOptions.of(QemuOptions.DEFAULT_PROGRAM))) {
      Conformance conformance = new Conformance(machine, 1, mostOutstanding);
      for (long number = 0; number < KINDS; number++) {
        assertEquals(Optional.empty(), conformance.run(number, () -> {}));
      }
      ConformanceResult result = conformance.result();
      assertEquals(EnumSet.allOf(CaseKind.class), result.kinds().keySet());
      assertTrue(result.probes() >= 300_000, "too few probes: " + result.probes());
      assertNotEquals(0, result.stale(), "no translation was ever seen stale");
    }
  }

  @Test
  void aPageOfTheSameGigabyteIsSeenWhileTheFlushOfAnotherIsOutstanding() {
    long number = KINDS - 1;
    TestCase test = CaseGenerator.generate(1, number);
    assertEquals(CaseKind.REUSED_TABLES, test.kind());
    assertEquals("domain 0: map 0x62400000 0x1000 0x20000000 rw", test.ops().get(0).toString());
    assertEquals("domain 0: unmap 0x62400000 0x1000", test.ops().get(1).toString());
    assertEquals("domain 0: map 0x7ff00000 0x1000 0x20300000 rw", test.ops().get(2).toString());
    assertEquals("domain 0: sweep 0x40000000 0x40000000", test.ops().get(3).toString());
    try (Machine machine = Machine.start(QemuOptions.of(QemuOptions.DEFAULT_PROGRAM))) {
      Conformance conformance = new Conformance(machine, 1, 64);
      assertEquals(Optional.empty(), conformance.run(number, () -> {}));
      assertTrue(conformance.result().reads() > 262_144, "every page of the GiB");
    }
  }

  /** What somebody might get wrong about tables that wait for a flush. */
  enum WaitingFault {
    /** The gather that owed its flush frees a table that has been taken back. */
    FREED_WHILE_IN_USE,
    /** A table comes back with what was unmapped from it. */
    TAKEN_BACK_AS_IT_WAS
  }

  /** Table memory in which it goes wrong. */
  private static final class WaitingPages extends TablePages {
    /** What the place of a waiting table ends in, and no other. */
    private static final long TAG = 7;

    private final WaitingFault fault;
    private final Set<Long> takenBack = new HashSet<>();

    WaitingPages(MemorySegment memory, long base, WaitingFault fault) {
      super(TablePages.over(memory, base, false));
      this.fault = fault;
    }

    @Override
    public void abandon(long table, long tag) {
      takenBack.remove(table);
      super.abandon(table, tag);
    }

    @Override
    public void reuse(long table, long place) {
      takenBack.add(table);
      super.reuse(table, place);
    }

    private boolean isWaiting(long table) {
      return (place(table) & TAG) == TAG;
    }

    @Override
    public void zero(long table, int index, int count) {
      if (fault != WaitingFault.TAKEN_BACK_AS_IT_WAS || !isWaiting(table)) {
        super.zero(table, index, count);
      }
    }

    @Override
    public void reclaim() {
      if (fault == WaitingFault.FREED_WHILE_IN_USE) {
        takenBack.forEach(table -> super.zero(table, 0, 512));
        takenBack.clear();
      }
      super.reclaim();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aFaultOfWaitingTablesIsFoundWithDeferredFlushes(WaitingFault fault) {
    Failure failure = firstFailure(fault, 4).orElse(null);
    assertTrue(failure != null, fault + " was not found in " + ROUNDS + " cases");
    // What comes back QEMU may see as what is not flushed yet; then the engine finds it.
    assertTrue(
        fault == WaitingFault.TAKEN_BACK_AS_IT_WAS
            || failure.answers().stream().anyMatch(line -> line.startsWith("  QEMU: ")),
        "QEMU must be the one who finds it: " + failure);
  }

  @ParameterizedTest
  @EnumSource
  void aFaultOfWaitingTablesIsNoneWithImmediateFlushes(WaitingFault fault) {
    assertEquals(Optional.empty(), firstFailure(fault, 0));
  }

  private static Optional<Failure> firstFailure(WaitingFault fault, int mostOutstanding) {
    try (Machine machine = Machine.start(QemuOptions.of(QemuOptions.DEFAULT_PROGRAM))) {
      Conformance conformance =
          new Conformance(
              machine,
              1,
              mostOutstanding,
              (memory, base) -> new WaitingPages(memory, base, fault),
              UnaryOperator.identity());
      Optional<Failure> failure = Optional.empty();
      for (int round = 1; round <= ROUNDS && failure.isEmpty(); round++) {
        failure = conformance.run(round * KINDS + KINDS - 1, () -> {}); // reused tables
      }
      return failure;
    }
  }
}
