package dev.cleave.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.cleave.bench.replay.Policy;
import dev.cleave.bench.replay.PolicyRun;
import dev.cleave.bench.replay.ReplayOptions;
import dev.cleave.bench.trace.TraceEvent;
import dev.cleave.engine.LeafCursor;
import dev.cleave.engine.format.Access;
import dev.cleave.engine.format.AmdV1;
import dev.cleave.engine.rmp.RmpBitmap;
import dev.cleave.engine.rmp.RmpFollower;
import java.io.ByteArrayInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.util.Base64;
import java.util.OptionalLong;
import java.util.Random;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a recorder knows, compared page by page with the table and the RMP themselves. */
class MapRecorderTest {
  private static final long GUEST_BYTES = 48L << 20;
  private static final int PAGES = (int) (GUEST_BYTES >>> 12);
  private static final int EVENTS = 300;
  private static final int STEP_EVENTS = 2;

  /** Where shared pages lie under policies that have them elsewhere. */
  private static final long SHARED_BASE = 1L << 40;

  private static ReplayOptions options(boolean followsRmp) {
    return new ReplayOptions(
        AmdV1.LINUX.leafSizes(),
        3,
        followsRmp,
        GUEST_BYTES,
        0,
        RmpFollower.Order.TABLE_FIRST,
        1L << 30,
        0,
        0);
  }

  private static ReplayOptions options(Policy policy, boolean followsRmp) {
    return policy.isSharedBacked()
        ? options(followsRmp).withSharedBase(SHARED_BASE)
        : options(followsRmp);
  }

  private static TraceEvent event(Random random, int line) {
    long page = random.nextInt(PAGES);
    long pages = 1L << random.nextInt(12);
    long gpa = Math.min(page, PAGES - pages) << 12;
    long length = pages << 12;
    return switch (random.nextInt(10)) {
      case 0 -> new TraceEvent.Unmap(line, gpa, length, false);
      case 1 -> new TraceEvent.Map(line, gpa, OptionalLong.of(gpa), length, Access.READ_WRITE);
      case 2 -> new TraceEvent.Split(line, gpa, length, 1L << 16);
      case 3 -> new TraceEvent.Merge(line, gpa, length, 1L << 30);
      case 4, 5, 6 -> new TraceEvent.Share(line, gpa, length);
      default -> new TraceEvent.Unshare(line, gpa, length);
    };
  }

  @ParameterizedTest
  @EnumSource(Policy.class)
  void itKnowsEveryPageAfterEveryStep(Policy policy) throws IOException {
    check(policy, true);
  }

  @ParameterizedTest
  @EnumSource(
      value = Policy.class,
      names = {"FOLLOW", "FOLLOW_LAZY", "ALL_4K", "REMAP"})
  void itKnowsEveryPageWhereNoRmpIsFollowed(Policy policy) throws IOException {
    check(policy, false);
  }

  private static void check(Policy policy, boolean followsRmp) throws IOException {
    Random random = new Random(8);
    try (PolicyRun run = new PolicyRun(policy, options(policy, followsRmp), true, null)) {
      MapRecorder recorder = new MapRecorder(run);
      for (int i = 1; i <= EVENTS; i++) {
        TraceEvent event =
            i == 1
                ? new TraceEvent.Map(1, 0, OptionalLong.of(0), GUEST_BYTES, Access.READ_WRITE)
                : event(random, i);
        run.prepare(event);
        var _ = run.apply(event);
        recorder.ended(event);
        if (i % STEP_EVENTS == 0) {
          recorder.stepEnded(i / STEP_EVENTS);
          for (int page = 0; page < PAGES; page++) {
            assertEquals(
                value(run, page),
                recorder.known().at(page),
                "page 0x%x after %s".formatted(page, event));
          }
        }
      }
      assertEquals(EVENTS / STEP_EVENTS, recorder.steps());
      int[] decoded = decode(recorder.text());
      for (int page = 0; page < PAGES; page++) {
        assertEquals(recorder.known().at(page), decoded[page]);
      }
    }
  }

  private static int value(PolicyRun run, long page) {
    LeafCursor leaf = run.table().leaves();
    long gpa = page << 12;
    int value = run.table().leafAt(gpa, leaf) ? leaf.sizeLog2() : 0;
    RmpBitmap states = run.pageStates();
    if (states == null) {
      return value;
    }
    return value + (states.isShared(gpa) ? 64 : 0) + (states.isLarge(gpa) ? 128 : 0);
  }

  /** Reads splices as their documentation says. */
  private static int[] decode(String text) throws IOException {
    byte[] packed = Base64.getDecoder().decode(text);
    byte[] bytes = new GZIPInputStream(new ByteArrayInputStream(packed)).readAllBytes();
    DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
    int[] values = new int[PAGES];
    long page = 0;
    while (in.available() > 0) {
      var _ = number(in);
      long signed = number(in);
      page += (signed & 1) == 0 ? signed >> 1 : -(signed + 1) / 2;
      long at = page;
      for (long runs = number(in); runs > 0; runs--) {
        long end = at + number(in);
        int value = (int) number(in);
        for (; at < end; at++) {
          values[(int) at] = value;
        }
      }
    }
    return values;
  }

  private static long number(DataInputStream in) throws IOException {
    long value = 0;
    for (int shift = 0; ; shift += 7) {
      int next = in.readUnsignedByte();
      value |= (next & 127L) << shift;
      if (next < 128) {
        return value;
      }
    }
  }

  @ParameterizedTest
  @EnumSource(value = Policy.class, names = "FOLLOW")
  void itEndsWhereTooMuchWouldBeNoted(Policy policy) {
    Random random = new Random(9);
    int most = 500;
    try (PolicyRun run = new PolicyRun(policy, options(true), true, null)) {
      MapRecorder recorder = new MapRecorder(run, most);
      for (int i = 1; i <= EVENTS; i++) {
        TraceEvent event = event(random, i);
        run.prepare(event);
        var _ = run.apply(event);
        recorder.ended(event);
        recorder.stepEnded(i);
      }
      assertTrue(
          recorder.steps() > 0 && recorder.steps() < EVENTS, String.valueOf(recorder.steps()));
    }
  }
}
