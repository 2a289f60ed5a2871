package dev.cleave.bench.conform;

import dev.cleave.bench.conform.Prober.When;
import dev.cleave.bench.conform.qemu.Device;
import dev.cleave.bench.conform.qemu.GuestLayout;
import dev.cleave.bench.conform.qemu.IommuPort;
import dev.cleave.bench.conform.qemu.Machine;
import dev.cleave.bench.conform.qemu.QemuEvent;
import dev.cleave.bench.conform.qemu.WindowLost;
import dev.cleave.bench.extent.Extent;
import dev.cleave.bench.machine.IommuCommand;
import dev.cleave.engine.TableMemory;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.DeviceTableEntry;
import dev.cleave.engine.memory.TablePages;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * Carries out one case: its operations on the engine's tables, what the gathers and the device
 * table ask for on QEMU's IOMMU, and DMA in between.
 *
 * <p>For every change: DMA, so that translations are cached · the change, some kinds with DMA
 * between the stores · DMA before the flush, which must see every cached translation as it was · a
 * flush of exactly what the gather says · DMA, which must see the table as it is. Belongs to one
 * thread.
 */
final class CaseRun {
  /** Where every table maps the window of e1000's rings. */
  static final long WINDOW_IOVA = 0x18_0000;

  private static final Set<QemuEvent> COMPLAINTS =
      EnumSet.of(
          QemuEvent.AMDVI_INVALID_DTE,
          QemuEvent.AMDVI_MODE_INVALID,
          QemuEvent.AMDVI_UNHANDLED_COMMAND);

  private static final int EDU_PROBES = 8;
  private static final int SAMPLE = 96;
  private static final int BULK = 1000;
  private static final int WRITES = 32;

  private final TestCase test;

  /** Operations whose flushes may be outstanding; 0 if each is flushed at once. */
  private final int mostOutstanding;

  private final SplittableRandom random;
  private final RequestedExpectation requested;
  private final EngineExpectation engine;
  private final Machine machine;
  private final IommuPort iommu;
  private final TablePages pages;
  private final TableMemory memory;
  private final Tally tally;
  private final List<TestDomain> domains = new ArrayList<>();
  private final Map<Device, Attachment> attachments = new EnumMap<>(Device.class);
  private final DomainFlushes flushes;
  private final Sampler sampler;
  private final Prober prober;
  private final Changer changer;

  CaseRun(
      TestCase test,
      long seed,
      int mostOutstanding,
      Machine machine,
      IommuPort iommu,
      TablePages pages,
      Tally tally) {
    this.test = test;
    this.mostOutstanding = mostOutstanding;
    this.random = new SplittableRandom(~seed);
    this.machine = machine;
    this.iommu = iommu;
    this.pages = pages;
    this.memory = TableMemory.of(pages);
    this.tally = tally;
    this.flushes = new DomainFlushes(iommu, machine.iommu(), tally, random);
    this.sampler = new Sampler(new SplittableRandom(seed), machine.echo());
    this.requested = new RequestedExpectation(attachments);
    this.engine = new EngineExpectation(attachments);
    this.prober = new Prober(machine, attachments, List.of(requested, engine), tally);
    this.changer = new Changer(this::probeBetweenStores);
    for (Device device : Device.values()) {
      attachments.put(device, new Attachment(Machine.PASSED_THROUGH, null));
    }
  }

  /** Makes the domains and puts devices into them. */
  void begin() {
    for (TestCase.DomainSpec spec : test.domains()) {
      TestDomain domain = new TestDomain(spec, pages, memory);
      changer.apply(
          new Op.Map(
              domains.size(),
              WINDOW_IOVA,
              GuestLayout.WINDOW,
              GuestLayout.WINDOW_BYTES,
              Access.READ_WRITE),
          domain);
      domains.add(domain);
    }
    Iterator<TestDomain> next = domains.iterator();
    for (Device device : Device.values()) {
      if (next.hasNext()) {
        TestDomain domain = next.next();
        point(device, new Attachment(domain.entry(Access.READ_WRITE), domain));
      }
    }
  }

  /** Carries out a step. */
  void step(Op op) {
    if (!(op instanceof Op.Change) && !(op instanceof Op.Sweep)) {
      domains.forEach(this::settleAll); // what it expects is the tables as they are
    }
    try {
      switch (op) {
        case Op.Change change when isDeferred(change) -> changeAndOwe(change);
        case Op.Change change -> change(change);
        case Op.Sweep sweep -> sweep(sweep);
        case Op.Churn churn -> churn(churn);
        case Op.Directory directory -> restrict(directory);
        case Op.Attach attach -> {
          TestDomain domain = domains.get(attach.domain());
          attach(attach.device(), new Attachment(domain.entry(attach.access()), domain));
        }
        case Op.PassThrough pass ->
            attach(
                pass.device(),
                new Attachment(
                    pass.isValid()
                        ? DeviceTableEntry.passthrough(domains.getFirst().id())
                            .withAccess(pass.access())
                        : Machine.PASSED_THROUGH,
                    null));
      }
    } catch (WindowLost e) {
      throw new Difference(List.of(e.getMessage(), "  QEMU: does not reach the window"));
    }
  }

  /** Takes everything down, still with DMA, and looks whether anything was written astray. */
  void end() {
    for (int i = 0; i < domains.size(); i++) {
      step(new Op.Unmap(i, 0, WINDOW_IOVA));
      long above = WINDOW_IOVA + GuestLayout.WINDOW_BYTES;
      step(new Op.Unmap(i, above, -above));
    }
    domains.forEach(this::settleAll);
    long damage = machine.echo().firstDamage();
    if (damage >= 0) {
      throw new Difference(
          List.of("a DMA write landed at 0x%x, where none was meant to".formatted(damage)));
    }
    for (String line : machine.traced()) {
      if (COMPLAINTS.stream().anyMatch(event -> event.isIn(line))) {
        throw new Difference(List.of("QEMU complains: " + line));
      }
    }
    for (Device device : Device.values()) {
      point(device, new Attachment(Machine.PASSED_THROUGH, null));
    }
    iommu.submit(IommuCommand.invalidateAll());
    iommu.awaitCompletion();
    domains.forEach(TestDomain::close);
    memory.close();
  }

  // ---- changes -------------------------------------------------------------------------------

  private void change(Op.Change op) {
    TestDomain domain = domains.get(op.domain());
    List<Device> devices = devicesOf(domain);
    if (devices.isEmpty()) {
      var _ = changer.apply(op, domain); // nobody can see it yet
      flushes.flush(domain);
      return;
    }
    Device device = devices.getFirst();
    int count = device == Device.E1000 ? SAMPLE : EDU_PROBES;
    long[] reads = sample(op, domain, count);
    long[] writes = Arrays.copyOf(reads, Math.min(WRITES, count));
    flushes.flushAll(domain.id());
    long[] readsBefore = prober.expected(device, reads, Access.READ);
    long[] writesBefore = prober.expected(device, writes, Access.WRITE);
    prober.checkReads(When.BEFORE, device, reads, readsBefore);
    boolean[] isCached = new boolean[reads.length];
    for (int i = 0; i < reads.length; i++) {
      isCached[i] = domain.requested().at(reads[i]) != null;
    }
    long top = domain.table().top();
    inFlight = new InFlight(domain, device, reads, readsBefore);
    boolean isDone = changer.apply(op, domain);
    inFlight = null;
    if (!domain.isRestricted()) {
      checkStale(device, domain, reads, readsBefore, writes, writesBefore, isCached);
    }
    if (domain.table().top() != top) {
      for (Device moved : devices) {
        Attachment old = attachments.get(moved);
        point(moved, new Attachment(domain.entry(old.entry().access()), domain));
      }
    }
    flushes.flush(domain);
    checkFresh(device, domain, reads, writes);
    if (isDone) {
      tally.states++;
    } else {
      tally.refused++;
    }
  }

  // ---- changes whose flush is for later ------------------------------------------------------

  private boolean isDeferred(Op.Change op) {
    return mostOutstanding > 0 && !devicesOf(domains.get(op.domain())).isEmpty();
  }

  /** Lets a device see the table before and after a change, and leaves its flush for later. */
  private void changeAndOwe(Op.Change op) {
    TestDomain domain = domains.get(op.domain());
    List<Device> devices = devicesOf(domain);
    Device device = devices.getFirst();
    int count = device == Device.E1000 ? SAMPLE : EDU_PROBES;
    long[] around = sample(op, domain, count);
    probeBesideFlushes(device, domain, around);
    RequestedMappings before = domain.requested().copy();
    long top = domain.table().top();
    boolean isDone = changer.apply(op, domain);
    domain.defer(before);
    probeBesideFlushes(device, domain, around);
    if (domain.table().top() != top) {
      for (Device moved : devices) {
        Attachment old = attachments.get(moved);
        point(moved, new Attachment(domain.entry(old.entry().access()), domain));
      }
    }
    long[] anywhere = sampler.anywhere(domain, device == Device.E1000 ? BULK : EDU_PROBES);
    probeBesideFlushes(device, domain, anywhere);
    int outstanding = domain.outstanding().size();
    if (outstanding == mostOutstanding || random.nextInt(4) == 0) {
      flushes.settle(domain, 1 + random.nextInt(outstanding));
      probeBesideFlushes(device, domain, anywhere);
    }
    if (isDone) {
      tally.states++;
    } else {
      tally.refused++;
    }
  }

  /**
   * Reads at addresses, and writes where there is only one answer. What is mapped is never a hole,
   * and the engine reads its own tables as they were asked for.
   */
  private void probeBesideFlushes(Device device, TestDomain domain, long[] iovas) {
    long[][] allowed = new long[iovas.length][];
    Arrays.setAll(allowed, i -> requested.answers(device, iovas[i], Access.READ));
    prober.checkReads(When.FLUSHES_OUTSTANDING, device, iovas, allowed);
    for (long iova : iovas) {
      long wanted = requested.answer(device, iova, Access.READ);
      long read = engine.answer(device, iova, Access.READ);
      if (read != wanted) {
        throw new Difference(
            List.of("the engine reads %x at %x, asked for was %x".formatted(read, iova, wanted)));
      }
    }
    if (domain.isRestricted() || attachments.get(device).entry().access() != Access.READ_WRITE) {
      return; // what its IOTLB makes of rights is looked at with flushes between
    }
    long[] sure =
        Arrays.stream(iovas)
            .filter(iova -> requested.answers(device, iova, Access.WRITE).length == 1)
            .limit(WRITES)
            .toArray();
    prober.checkWrites(
        When.FLUSHES_OUTSTANDING, device, sure, prober.expected(device, sure, Access.WRITE));
  }

  private void sweep(Op.Sweep op) {
    TestDomain domain = domains.get(op.domain());
    Device device = devicesOf(domain).getFirst();
    long[] pages = new long[(int) (op.length() >>> 12)];
    Arrays.setAll(pages, i -> op.iova() + ((long) i << 12));
    probeBesideFlushes(device, domain, pages);
  }

  /** Flushes what is outstanding; then the table says what QEMU must answer. */
  private void settleAll(TestDomain domain) {
    int outstanding = domain.outstanding().size();
    if (outstanding > 0) {
      flushes.settle(domain, outstanding);
      for (Device device : devicesOf(domain)) {
        long[] sample = sampler.anywhere(domain, device == Device.E1000 ? BULK : EDU_PROBES);
        checkFresh(device, domain, sample, sample);
      }
    }
  }

  private long[] sample(Op.Change op, TestDomain domain, int count) {
    long[] around = sampler.around(domain, op.iova(), op.length(), count);
    if (op instanceof Op.Map map) {
      long last = map.iova() + map.length() - 1;
      long[] within =
          sampler.within(new Extent(map.iova(), last, map.paddr(), map.access()), count / 2);
      System.arraycopy(within, 0, around, count - within.length, within.length);
    }
    return around;
  }

  /** What was cached must still be answered from the cache, whatever else is flushed. */
  private void checkStale(
      Device device,
      TestDomain domain,
      long[] reads,
      long[] readsBefore,
      long[] writes,
      long[] writesBefore,
      boolean[] isCached) {
    flushes.flushAll(domain.id() == 1 ? 2 : domain.id() - 1);
    long[] readsNow = prober.expected(device, reads, Access.READ);
    long[] writesNow = prober.expected(device, writes, Access.WRITE);
    for (int i = 0; i < reads.length; i++) {
      if (isCached[i]) {
        tally.stale += readsNow[i] == readsBefore[i] ? 0 : 1;
        readsNow[i] = readsBefore[i];
      }
    }
    for (int i = 0; i < writes.length; i++) {
      if (isCached[i]) {
        tally.stale += writesNow[i] == writesBefore[i] ? 0 : 1;
        writesNow[i] = writesBefore[i];
      }
    }
    prober.checkReads(When.CHANGED_NOT_YET_FLUSHED, device, reads, readsNow);
    prober.checkWrites(When.CHANGED_NOT_YET_FLUSHED, device, writes, writesNow);
  }

  private void checkFresh(Device device, TestDomain domain, long[] reads, long[] writes) {
    When when = When.AFTER_THE_FLUSH;
    prober.checkReads(when, device, reads, prober.expected(device, reads, Access.READ));
    int more = device == Device.E1000 ? BULK : EDU_PROBES / 2;
    long[] anywhere = sampler.anywhere(domain, more);
    prober.checkReads(when, device, anywhere, prober.expected(device, anywhere, Access.READ));
    prober.checkFar(when, device, domain, anywhere);
    separateReadsFromWrites(device, domain);
    prober.checkWrites(when, device, writes, prober.expected(device, writes, Access.WRITE));
    long[] written = Arrays.copyOf(anywhere, Math.min(WRITES, more));
    prober.checkWrites(when, device, written, prober.expected(device, written, Access.WRITE));
  }

  private void separateReadsFromWrites(Device device, TestDomain domain) {
    if (domain.isRestricted() || attachments.get(device).entry().access() != Access.READ_WRITE) {
      tally.exclude(KnownDeviation.RIGHTS_ABOVE_LEAF_NOT_CACHED);
      flushes.flushAll(domain.id());
    }
  }

  // ---- DMA while an operation runs -----------------------------------------------------------

  /** What {@link #probeBetweenStores} sends: translations that the operation keeps. */
  @SuppressWarnings("ArrayRecordComponent") // private, and never compared
  private record InFlight(TestDomain domain, Device device, long[] iovas, long[] expected) {}

  private @Nullable InFlight inFlight;

  private void probeBetweenStores() {
    if (inFlight == null) {
      return;
    }
    flushes.flushAll(inFlight.domain().id());
    long before = tally.reads;
    prober.checkReads(
        When.BETWEEN_STORES, inFlight.device(), inFlight.iovas(), inFlight.expected());
    tally.during += tally.reads - before;
  }

  private void churn(Op.Churn op) {
    TestDomain domain = domains.get(op.domain());
    Device device = devicesOf(domain).getFirst();
    var _ = sampler.around(domain, op.iova(), op.length(), 1);
    Churner churner = new Churner(op, domain);
    for (int round = 0; round < Churner.ROUNDS; round++) {
      long[] iovas = sampler.anywhere(domain, machine.dma(device).mostAtOnce());
      long[] expected = prober.expected(device, iovas, Access.READ);
      flushes.flushAll(domain.id());
      long before = tally.reads;
      churner.during(() -> prober.checkReads(When.WHILE_IT_CHANGES, device, iovas, expected));
      tally.during += tally.reads - before;
      flushes.flush(domain);
    }
    tally.states += Churner.ROUNDS;
  }

  // ---- devices and directories ---------------------------------------------------------------

  private void restrict(Op.Directory op) {
    TestDomain domain = domains.get(op.domain());
    Device device = devicesOf(domain).getFirst();
    domain.restrict(op.iova(), op.level(), op.access());
    flushes.flushAll(domain.id());
    long[] sample = sampler.anywhere(domain, device == Device.E1000 ? SAMPLE : EDU_PROBES);
    checkFresh(device, domain, sample, sample);
    tally.states++;
  }

  private void attach(Device device, Attachment attachment) {
    point(device, attachment);
    TestDomain domain = attachment.domain();
    if (domain == null) {
      checkPassedThrough(device);
    } else {
      int count = device == Device.E1000 ? SAMPLE : EDU_PROBES;
      long[] sample = sampler.anywhere(domain, count);
      checkFresh(device, domain, sample, sample);
    }
    tally.states++;
  }

  private void checkPassedThrough(Device device) {
    long[] same = sampler.echoes(EDU_PROBES);
    prober.checkReads(
        When.AFTER_THE_FLUSH, device, same, prober.expected(device, same, Access.READ));
    flushes.flushAll(domains.getFirst().id());
    prober.checkWrites(
        When.AFTER_THE_FLUSH, device, same, prober.expected(device, same, Access.WRITE));
  }

  /** Stores a device table entry, and has the IOMMU forget the old one and its translations. */
  private void point(Device device, Attachment attachment) {
    Attachment old = attachments.put(device, attachment);
    iommu.store(device, attachment.entry());
    iommu.submit(IommuCommand.invalidateDeviceTableEntry(device.id()));
    boolean isSameTree =
        old.domain() == attachment.domain()
            && old.domain() != null
            && old.entry().access() == attachment.entry().access();
    if (!isSameTree) {
      iommu.submit(
          IommuCommand.invalidatePages(old.entry().domainId(), 0, IommuCommand.EVERYTHING_LOG2));
    }
    iommu.awaitCompletion();
  }

  private List<Device> devicesOf(TestDomain domain) {
    return attachments.entrySet().stream()
        .filter(entry -> entry.getValue().domain() == domain)
        .map(Map.Entry::getKey)
        .toList();
  }
}
