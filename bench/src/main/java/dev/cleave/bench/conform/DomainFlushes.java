package dev.cleave.bench.conform;

import dev.cleave.bench.conform.qemu.IommuPort;
import dev.cleave.bench.machine.IommuCommand;
import dev.cleave.engine.IotlbGather;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;

/** Flushes what domains owe, by commands to QEMU's IOMMU. Belongs to one case. */
final class DomainFlushes {
  private final IommuPort iommu;
  private final IommuPort direct;
  private final Tally tally;
  private final RandomGenerator random;

  /**
   * Flushes of a case.
   *
   * @param iommu gets what gathers ask for
   * @param direct gets what nobody owes, with nothing in between
   * @param random chooses in which order gathers are completed
   */
  DomainFlushes(IommuPort iommu, IommuPort direct, Tally tally, RandomGenerator random) {
    this.iommu = iommu;
    this.direct = direct;
    this.tally = tally;
    this.random = random;
  }

  /** Flushes what a domain owes, no more and no less, as Linux does: with directories. */
  void flush(TestDomain domain) {
    if (!domain.gather().isEmpty()) {
      submit(domain, domain.gather());
      iommu.awaitCompletion();
      domain.gather().complete();
    }
  }

  /** Flushes the oldest of what is outstanding, in order, and completes them in any order. */
  void settle(TestDomain domain, int count) {
    List<OutstandingFlushes.Owed> oldest = new ArrayList<>(domain.outstanding().takeOldest(count));
    for (OutstandingFlushes.Owed owed : oldest) {
      submit(domain, owed.gather());
    }
    iommu.awaitCompletion();
    while (!oldest.isEmpty()) {
      IotlbGather gather = oldest.remove(random.nextInt(oldest.size())).gather();
      gather.complete();
      domain.outstanding().completed(gather);
    }
  }

  private void submit(TestDomain domain, IotlbGather gather) {
    gather.forEachBlock((iova, sizeLog2) -> {
      iommu.submit(IommuCommand.invalidatePages(domain.id(), iova, sizeLog2));
      tally.commands++;
    });
  }

  /** Empties QEMU's IOTLB of a domain, so that what is cached is known. */
  void flushAll(int domainId) {
    direct.submit(IommuCommand.invalidatePages(domainId, 0, IommuCommand.EVERYTHING_LOG2));
    direct.awaitCompletion();
  }
}
