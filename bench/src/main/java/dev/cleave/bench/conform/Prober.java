package dev.cleave.bench.conform;

import static dev.cleave.bench.io.Numbers.hex;

import dev.cleave.bench.conform.qemu.Device;
import dev.cleave.bench.conform.qemu.DmaDevice;
import dev.cleave.bench.conform.qemu.EchoMemory;
import dev.cleave.bench.conform.qemu.GuestMemory;
import dev.cleave.bench.conform.qemu.Machine;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.Geometry;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Sends DMA through QEMU's IOMMU and holds each answer against what was expected. Belongs to one
 * case.
 */
final class Prober {
  private static final long INTERRUPTS_FIRST = 0xFEE0_0000L;
  private static final long INTERRUPTS_LAST = 0xFEEF_FFFFL;
  private static final int WRITE_BYTES = 64;

  /** Beyond all memory and device registers. */
  private static final long FAR_FIRST = 1L << 33;

  private static final int MOST_FAR = 24;

  /** Above every physical address, so that no echo looks like it. */
  private static final long WRITTEN = 0xC1EA_5E00_0000_0000L;

  private final Machine machine;
  private final EchoMemory echo;
  private final GuestMemory memory;
  private final Map<Device, Attachment> attachments;
  private final List<Expectation> expectations;
  private final Tally tally;
  private final AliasGuard aliases = new AliasGuard();
  private long written;

  /** At which moment of a change an access is done. */
  enum When {
    /** Nothing is owed. */
    BEFORE,
    /** Inside the operation. */
    BETWEEN_STORES,
    /** Beside operations in another thread. */
    WHILE_IT_CHANGES,
    /** The operation is done, and its flush is owed. */
    CHANGED_NOT_YET_FLUSHED,
    /** Flushes of this operation or of earlier ones are owed, and may be for long. */
    FLUSHES_OUTSTANDING,
    /** Nothing is owed any more. */
    AFTER_THE_FLUSH;

    /** Whether the table says what QEMU must answer. */
    boolean isSettled() {
      return this == BEFORE || this == AFTER_THE_FLUSH;
    }

    String words() {
      return name().toLowerCase(Locale.ROOT).replace('_', ' ');
    }
  }

  Prober(
      Machine machine,
      Map<Device, Attachment> attachments,
      List<Expectation> expectations,
      Tally tally) {
    this.machine = machine;
    this.echo = machine.echo();
    this.memory = machine.memory();
    this.attachments = attachments;
    this.expectations = expectations;
    this.tally = tally;
  }

  /** The answers that the operations asked for. */
  long[] expected(Device device, long[] iovas, int access) {
    return Arrays.stream(iovas)
        .map(iova -> expectations.getFirst().answer(device, iova, access))
        .toArray();
  }

  /** Whether an access can be sent, and its answer recognized. */
  private boolean isProbeable(Device device, long iova, long expected) {
    return isRecognizable(expected) && isSendable(device, iova);
  }

  private boolean isRecognizable(long expected) {
    return expected == Expectation.FAULT || echo.contains(expected);
  }

  private boolean isSendable(Device device, long iova) {
    Attachment attachment = attachments.get(device);
    if (attachment.domain() != null && !Geometry.reaches(attachment.entry().levels(), iova)) {
      tally.exclude(KnownDeviation.IOVA_BEYOND_WIDTH);
      return false;
    }
    if (iova >= INTERRUPTS_FIRST && iova <= INTERRUPTS_LAST) {
      tally.exclude(KnownDeviation.INTERRUPT_WINDOW);
      return false;
    }
    if (!aliases.admits(iova)) {
      tally.exclude(KnownDeviation.ALIAS_ABOVE_48);
      return false;
    }
    return true;
  }

  /** Reads at each address; answers must be as expected. */
  void checkReads(When when, Device device, long[] iovas, long[] expected) {
    long[][] allowed = new long[iovas.length][];
    Arrays.setAll(allowed, i -> new long[] {expected[i]});
    checkReads(when, device, iovas, allowed);
  }

  /**
   * Reads at each address; each answer must be one of those that are allowed there, the first of
   * which is how it is now.
   */
  void checkReads(When when, Device device, long[] iovas, long[][] allowed) {
    long[] send = new long[iovas.length];
    long[][] want = new long[iovas.length][];
    int count = 0;
    for (int i = 0; i < iovas.length; i++) {
      long iova = iovas[i] & -Long.BYTES;
      long[] answers =
          Arrays.stream(allowed[i])
              .map(answer -> answer == Expectation.FAULT ? answer : answer & -Long.BYTES)
              .toArray();
      if (Arrays.stream(answers).allMatch(this::isRecognizable) && isSendable(device, iova)) {
        send[count] = iova;
        want[count++] = answers;
      }
    }
    DmaDevice dma = machine.dma(device);
    for (int from = 0; from < count; from += dma.mostAtOnce()) {
      int to = Math.min(count, from + dma.mostAtOnce());
      long[] got = dma.read(Arrays.copyOfRange(send, from, to));
      tally.reads += to - from;
      for (int i = from; i < to; i++) {
        long answer = got[i - from] == 0 ? Expectation.FAULT : got[i - from];
        if (Arrays.stream(want[i]).noneMatch(one -> one == answer)) {
          // What is read as zero may also be memory that nothing was ever written to.
          String read = answer == Expectation.FAULT ? "refused, or no echo there" : hex(answer);
          throw difference(when, device, send[i], Access.READ, read, want[i]);
        }
        tally.stale += answer == want[i][0] ? 0 : 1;
        if (when.isSettled()) {
          checkAgreement(when, device, send[i], Access.READ, answer);
        }
      }
    }
  }

  /** Writes at each address; where it lands must be as expected. */
  void checkWrites(When when, Device device, long[] iovas, long[] expected) {
    List<Long> send = new ArrayList<>();
    List<Long> want = new ArrayList<>();
    Set<Long> used = new HashSet<>();
    DmaDevice dma = machine.dma(device);
    for (int i = 0; i < iovas.length && send.size() < WRITE_BYTES; i++) {
      long iova = iovas[i] & -WRITE_BYTES;
      long answer = expected[i] == Expectation.FAULT ? expected[i] : expected[i] & -WRITE_BYTES;
      long target = answer == Expectation.FAULT ? behind(device, iova) : answer;
      if (dma.canWrite(iova)
          && isProbeable(device, iova, answer)
          && (target == Expectation.FAULT || used.add(target))) {
        send.add(iova);
        want.add(answer);
      }
    }
    for (int from = 0; from < send.size(); from += dma.mostAtOnce()) {
      int to = Math.min(send.size(), from + dma.mostAtOnce());
      long[] values = new long[to - from];
      Arrays.setAll(values, _ -> WRITTEN | ++written);
      dma.write(toArray(send.subList(from, to)), values);
      tally.writes += to - from;
      for (int i = from; i < to; i++) {
        checkLanding(when, device, send.get(i), want.get(i), values[i - from]);
        if (when.isSettled()) {
          checkAgreement(when, device, send.get(i), Access.WRITE, want.get(i));
        }
      }
    }
  }

  /**
   * Reads at those of the addresses that lead beyond memory. Nothing is there to be read; QEMU
   * tells to where it translates, which is the start of the leaf.
   */
  void checkFar(When when, Device device, TestDomain domain, long[] iovas) {
    long[] send =
        Arrays.stream(iovas)
            .map(iova -> iova & -Long.BYTES)
            .filter(iova -> answer(device, iova) >= FAR_FIRST && isSendable(device, iova))
            .distinct()
            .limit(MOST_FAR)
            .toArray();
    if (send.length == 0) {
      return;
    }
    Map<Long, Long> translations = machine.translations(device, send);
    tally.reads += send.length;
    tally.far += send.length;
    for (long iova : send) {
      boolean isMapped = domain.table().leafAt(iova, domain.cursor());
      long want = isMapped ? answer(device, iova) & -(1L << domain.cursor().sizeLog2()) : 0;
      Long got = translations.get(iova);
      if (got == null || got != want) {
        String read = got == null ? "refused" : "a leaf to " + hex(got);
        throw difference(when, device, iova, Access.READ, read, want);
      }
      checkAgreement(when, device, iova, Access.READ, answer(device, iova));
    }
  }

  private long answer(Device device, long iova) {
    return expectations.getFirst().answer(device, iova, Access.READ);
  }

  /** QEMU has answered as was asked for; so must everybody else. */
  private void checkAgreement(When when, Device device, long iova, int access, long answer) {
    for (Expectation expectation : expectations) {
      if (expectation.answer(device, iova, access) != answer) {
        throw difference(when, device, iova, access, text(answer), answer);
      }
    }
  }

  private static long[] toArray(List<Long> values) {
    return values.stream().mapToLong(Long::longValue).toArray();
  }

  private void checkLanding(When when, Device device, long iova, long want, long value) {
    if (want == Expectation.FAULT) {
      long behind = behind(device, iova);
      if (echo.contains(behind) && memory.load(behind) != behind) {
        throw difference(when, device, iova, Access.WRITE, "written at " + hex(behind), want);
      }
      return;
    }
    if (memory.load(want) != value) {
      throw difference(when, device, iova, Access.WRITE, "not written there", want);
    }
    echo.restore(want, WRITE_BYTES);
  }

  /** Where a write would land if permissions were not looked at. */
  private long behind(Device device, long iova) {
    TestDomain domain = attachments.get(device).domain();
    return domain == null ? iova : domain.requested().translate(iova);
  }

  private Difference difference(
      When when, Device device, long iova, int access, String got, long... want) {
    List<String> lines = new ArrayList<>(lines(when, device, iova, access));
    lines.add(
        "  expected then: "
            + Arrays.stream(want).mapToObj(Prober::text).collect(Collectors.joining(" or ")));
    lines.add("  QEMU: " + got);
    return new Difference(lines);
  }

  private List<String> lines(When when, Device device, long iova, int access) {
    List<String> lines = new ArrayList<>();
    lines.add(
        "%s: %s %s %s"
            .formatted(
                when.words(), device, access == Access.READ ? "reads" : "writes", hex(iova)));
    for (Expectation expectation : expectations) {
      lines.add(
          "  %s now: %s"
              .formatted(expectation.name(), text(expectation.answer(device, iova, access))));
    }
    return lines;
  }

  private static String text(long answer) {
    return answer == Expectation.FAULT ? "refused" : hex(answer);
  }
}
