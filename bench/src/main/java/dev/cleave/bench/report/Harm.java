package dev.cleave.bench.report;

import static dev.cleave.bench.report.Wording.and;
import static dev.cleave.bench.report.Wording.bytes;
import static dev.cleave.bench.report.Wording.number;

import dev.cleave.bench.replay.DeviceResult;
import dev.cleave.bench.replay.PolicyResult;
import dev.cleave.bench.replay.ReplayColumn;
import dev.cleave.bench.replay.ReplayOptions;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** What a policy may do to devices that no saving makes up for, the worst first. */
enum Harm {
  LEAKED("access to pages that are not a device's", ReplayColumn.DMA_LEAKED),
  WRONG_DATA("wrong data", ReplayColumn.DMA_WRONG_DATA),
  REFUSED_DMA("refused DMA", ReplayColumn.DMA_REFUSED),
  GAPS("gaps", ReplayColumn.GAP_BYTES),
  ILLEGAL_LEAVES("illegal leaves", ReplayColumn.ILLEGAL_LEAVES);

  private final String word;
  private final ReplayColumn figure;

  Harm(String word, ReplayColumn figure) {
    this.word = word;
    this.figure = figure;
  }

  /** Whether the replay can tell: of devices nothing is known without any. */
  boolean isKnown(ReplayOptions options) {
    return !figure.isOfDevices() || options.dmaAccesses() > 0;
  }

  /** How much of it a policy did; 0 where that is not known. */
  long of(PolicyResult result) {
    return amount(figure.shown(result));
  }

  /** How much of it a policy did to the devices of a kind. */
  long of(PolicyResult result, DeviceResult devices) {
    return figure.isOfKind() ? amount(figure.shown(devices)) : of(result);
  }

  private static long amount(@Nullable Number shown) {
    return shown == null ? 0 : shown.longValue();
  }

  /** So much of it, in words. */
  String words(long amount) {
    return switch (this) {
      case LEAKED -> number(amount) + " accesses to pages that are not a device's";
      case WRONG_DATA -> number(amount) + " accesses to wrong data";
      case REFUSED_DMA -> number(amount) + " refused DMA accesses";
      case GAPS -> bytes(amount) + " of gaps";
      case ILLEGAL_LEAVES -> number(amount) + " illegal leaves";
    };
  }

  /** Those that are known of a replay, the worst first. */
  static String order(ReplayOptions options) {
    return and(
        Arrays.stream(values())
            .filter(harm -> harm.isKnown(options))
            .map(harm -> harm.word)
            .toList());
  }
}
