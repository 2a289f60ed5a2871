package dev.cleave.bench.dmesg;

import dev.cleave.bench.dmesg.EntryTexts.Found;
import dev.cleave.bench.dmesg.EntryTexts.Order;
import dev.cleave.bench.image.DeviceId;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Puts device table entries together, of which dmesg prints a quadword a line. The device is that
 * of the event before them.
 *
 * <p>Not thread-safe.
 */
public final class EntryCollector {
  private static final int WORDS = 4;

  private final long[] words = new long[WORDS];
  private int next;
  private @Nullable DeviceId device;

  /**
   * Takes a line.
   *
   * @param line what it says
   * @return the entry that it completes
   * @throws IllegalArgumentException if it continues an entry wrongly; the rest of that entry is
   *     then passed over
   */
  public Optional<Found> take(KernelLine line) {
    return switch (line) {
      case KernelLine.Event event -> {
        device = event.device();
        yield Optional.empty();
      }
      case KernelLine.EntryRow row ->
          Optional.of(
              new Found(
                  row.device(),
                  EntryTexts.entry(
                      new long[] {row.q3(), row.q2(), row.q1(), row.q0()}, Order.HIGH_FIRST),
                  null));
      case KernelLine.EntryWord word -> word(word);
      case KernelLine.Malformed bad -> throw new IllegalArgumentException(bad.problem());
      default -> Optional.empty();
    };
  }

  private Optional<Found> word(KernelLine.EntryWord word) {
    int expected = next;
    next = 0;
    if (word.index() != expected) {
      throw new IllegalArgumentException(
          "DTE[%d] where DTE[%d] is expected".formatted(word.index(), expected));
    }
    words[expected] = word.value();
    if (expected < WORDS - 1) {
      next = expected + 1;
      return Optional.empty();
    }
    return Optional.of(new Found(device, EntryTexts.entry(words, Order.LOW_FIRST), null));
  }

  /** Whether an entry has begun and is not complete. */
  public boolean isOpen() {
    return next != 0;
  }
}
