package dev.cleave.bench.conform;

import dev.cleave.bench.conform.qemu.GuestLayout;
import dev.cleave.bench.conform.qemu.IommuPort;
import dev.cleave.bench.conform.qemu.Machine;
import dev.cleave.bench.conform.qemu.QemuFailure;
import dev.cleave.engine.memory.TablePages;
import java.lang.foreign.MemorySegment;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;

/**
 * Runs cases on a machine and counts what they did. Every case begins with an empty table memory
 * and nothing cached, so that any one can be run alone.
 *
 * <p>Belongs to one thread at a time.
 */
public final class Conformance {
  private final Machine machine;
  private final long seed;
  private final int mostOutstanding;
  private final Memories memories;
  private final IommuPort iommu;
  private final Tally tally = new Tally();
  private final Map<CaseKind, KindResult> kinds = new EnumMap<>(CaseKind.class);

  /** Makes the memory that tables of a case lie in. */
  @FunctionalInterface
  public interface Memories {
    /**
     * Makes it.
     *
     * @param memory guest memory for it
     * @param base physical address of its first byte
     * @return table memory, all of it free
     */
    TablePages over(MemorySegment memory, long base);
  }

  /** Looks at the machine while the tables of a case are in use. */
  @FunctionalInterface
  public interface Observer {
    /** Called when all operations of a case are done and its tables still stand. */
    void standing();
  }

  /**
   * What cases of a kind did.
   *
   * @param cases how many there were
   * @param states changes that were flushed and probed
   * @param probes DMA accesses
   */
  public record KindResult(long cases, long states, long probes) {
    private static final KindResult NONE = new KindResult(0, 0, 0);
  }

  /**
   * A case that failed.
   *
   * @param seed its seed
   * @param number its number
   * @param kind what it was about
   * @param operations those that were carried out, the last of them the one that failed
   * @param answers what was done and what everybody answered
   */
  public record Failure(
      long seed, long number, CaseKind kind, List<String> operations, List<String> answers) {}

  /**
   * The engine as it is, on QEMU as it is.
   *
   * @param machine a machine nobody else uses
   * @param seed makes the cases
   */
  public Conformance(Machine machine, long seed) {
    this(machine, seed, 0);
  }

  /**
   * The engine as it is, on QEMU as it is, with flushes that wait.
   *
   * @param machine a machine nobody else uses
   * @param seed makes the cases
   * @param mostOutstanding operations of a domain whose flushes may be outstanding; 0 to flush each
   *     at once
   */
  public Conformance(Machine machine, long seed, int mostOutstanding) {
    this(
        machine,
        seed,
        mostOutstanding,
        (memory, base) -> TablePages.over(memory, base, false),
        UnaryOperator.identity());
  }

  /**
   * For tests that plant faults.
   *
   * @param machine a machine nobody else uses
   * @param seed makes the cases
   * @param mostOutstanding operations whose flushes may be outstanding
   * @param memories makes table memory
   * @param between what stands between the engine's flushes and the IOMMU
   */
  Conformance(
      Machine machine,
      long seed,
      int mostOutstanding,
      Memories memories,
      UnaryOperator<IommuPort> between) {
    this.machine = machine;
    this.seed = seed;
    this.mostOutstanding = mostOutstanding;
    this.memories = memories;
    this.iommu = between.apply(machine.iommu());
    machine.setWindow(CaseRun.WINDOW_IOVA);
  }

  /**
   * Runs one case.
   *
   * @param number which, from 0
   * @param observer called before its tables are taken down
   * @return the failure, or nothing; after a failure the machine is of no further use
   * @throws QemuFailure if QEMU itself fails
   */
  public Optional<Failure> run(long number, Observer observer) {
    TestCase test = CaseGenerator.generate(seed, number);
    long states = tally.states;
    long probes = tally.probes();
    TablePages pages =
        memories.over(
            machine.memory().slice(GuestLayout.TABLES, GuestLayout.TABLE_BYTES),
            GuestLayout.TABLES);
    CaseRun run =
        new CaseRun(
            test,
            CaseGenerator.caseSeed(seed, number),
            mostOutstanding,
            machine,
            iommu,
            pages,
            tally);
    int done = 0;
    try {
      run.begin();
      for (Op op : test.ops()) {
        done++;
        run.step(op);
      }
      observer.standing();
      run.end();
    } catch (Difference e) {
      return Optional.of(failure(test, done, e.lines()));
    } catch (QemuFailure e) {
      throw e;
    } catch (RuntimeException e) {
      // A table that is damaged enough makes the engine itself stumble.
      return Optional.of(failure(test, done, List.of("the engine failed: " + e)));
    }
    KindResult old = kinds.getOrDefault(test.kind(), KindResult.NONE);
    kinds.put(
        test.kind(),
        new KindResult(
            old.cases() + 1,
            old.states() + tally.states - states,
            old.probes() + tally.probes() - probes));
    return Optional.empty();
  }

  private Failure failure(TestCase test, int done, List<String> answers) {
    return new Failure(
        seed,
        test.number(),
        test.kind(),
        test.ops().subList(0, done).stream().map(Op::toString).toList(),
        answers);
  }

  /**
   * What all cases so far did.
   *
   * @return a snapshot
   */
  public ConformanceResult result() {
    return ConformanceResult.of(tally, kinds);
  }
}
