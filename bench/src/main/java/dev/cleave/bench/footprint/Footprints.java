package dev.cleave.bench.footprint;

import static dev.cleave.engine.format.Geometry.PAGE_LOG2;

import dev.cleave.bench.replay.Policy;
import dev.cleave.engine.TableMemory;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Measures guests. A guest above 16 GiB is made of identical pieces of 16 GiB; then one piece is
 * built and counted for all, and the tables above the pieces are counted exactly. That is
 * remembered, so that a piece is built once for guests of any size. Where the shared pages are
 * given, what depends on them is built whole.
 *
 * <p>Not thread-safe.
 */
public final class Footprints {
  /** A guest of more than this must be a multiple of it. */
  public static final long PIECE_BYTES = 16L << 30;

  /** What a rival may take. */
  public static final long MOST_RIVAL_BYTES = 24L << 30;

  private static final double GIB = 1L << 30;

  /** What the places of shared pages depend on unless another is given. */
  public static final long SEED = 0x5eed;

  private final SharePattern pattern;
  private final long seed;
  private final Map<Double, Guest> pieces = new HashMap<>();
  private final Map<TableKey, PageCounts> tables = new HashMap<>();
  private final Map<RivalKey, Long> rivals = new HashMap<>();

  private record TableKey(long bytes, long sharedPages, Policy policy) {}

  private record RivalKey(long bytes, long sharedPages, Rivals rival) {}

  /**
   * Nothing measured yet.
   *
   * @param pattern where shared pages lie
   * @param seed what random choices of it depend on
   */
  public Footprints(SharePattern pattern, long seed) {
    this.pattern = pattern;
    this.seed = seed;
  }

  /**
   * What is built of a guest.
   *
   * @param seesStates whether what is built depends on which pages are shared; else a guest that
   *     shares none will do
   */
  private Guest guest(long guestBytes, double shared, boolean seesStates) {
    long bytes = Math.min(guestBytes, PIECE_BYTES);
    return switch (pattern) {
      case GivenPattern given -> {
        if (!seesStates) {
          yield new Guest(bytes, false, new BitSet());
        }
        boolean isWhole = given.pages().cardinality() == guestBytes >>> PAGE_LOG2;
        yield new Guest(guestBytes, isWhole, isWhole ? new BitSet() : given.pages());
      }
      case MadePattern made ->
          bytes == PIECE_BYTES
              ? pieces.computeIfAbsent(shared, share -> Guest.of(bytes, made, share, seed))
              : Guest.of(bytes, made, shared, seed);
    };
  }

  /**
   * The table of a guest under a policy.
   *
   * @param guestBytes a positive multiple of 4096, above {@link #PIECE_BYTES} a multiple of that;
   *     with a {@link GivenPattern} below its limit, and not less than it has pages in
   * @param shared fraction of it that is shared, 0 to 1; of a {@link GivenPattern} what it says
   */
  public TableFootprint table(long guestBytes, double shared, Policy policy) {
    boolean seesStates = policy != Policy.ALL_4K && policy != Policy.STATIC;
    Guest guest = guest(guestBytes, shared, seesStates);
    if (policy == Policy.STATIC) {
      guest = guest.unshared(); // so that leaves go beyond pieces
    }
    boolean isAllSmall =
        policy == Policy.ALL_4K || (policy.hasSmallLeaves() && guest.isWhollyShared());
    if (guest.isUniform() && !isAllSmall) {
      // Leaves go beyond pieces, and are few.
      guest = guest.stretchedTo(guestBytes);
    }
    Guest built = guest;
    PageCounts pages =
        tables.computeIfAbsent(
            new TableKey(guest.bytes(), guest.sharedPages(), policy),
            _ -> PageCounts.of(built, policy));
    long count = guestBytes / guest.bytes();
    long tablePages = pages.built(count, guestBytes);
    long tableBytes = tablePages << PAGE_LOG2;
    long metadataBytes = tablePages * TableMemory.metadataBytesPerPage();
    long minimum = pages.minimum(count, guestBytes) << PAGE_LOG2;
    long bytes = tableBytes + metadataBytes;
    return new TableFootprint(
        guestBytes,
        shared,
        pattern.word(),
        policy.word(),
        tableBytes,
        metadataBytes,
        bytes * GIB / guestBytes,
        minimum,
        (double) bytes / minimum,
        pages.pinnedBytes(count),
        count);
  }

  /** The other structures for a guest, which is given as for {@link #table}. */
  public List<RivalFootprint> rivals(long guestBytes, double shared) {
    return Arrays.stream(Rivals.values()).map(rival -> rival(rival, guestBytes, shared)).toList();
  }

  private RivalFootprint rival(Rivals rival, long guestBytes, double shared) {
    Guest piece = guest(guestBytes, shared, rival.seesStates());
    Guest guest = rival.seesStates() && piece.isUniform() ? piece.stretchedTo(guestBytes) : piece;
    long sharedPages = rival.seesStates() ? guest.sharedPages() : 0;
    long count = guestBytes / guest.bytes();
    long bytes =
        count
            * rivals.computeIfAbsent(
                new RivalKey(guest.bytes(), sharedPages, rival), _ -> rival.measure(guest));
    return new RivalFootprint(
        guestBytes,
        shared,
        pattern.word(),
        rival.word(),
        bytes,
        bytes * GIB / guestBytes,
        bytes <= MOST_RIVAL_BYTES,
        count);
  }
}
