package dev.cleave.bench.processor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Watches for neighbours on the same core, and learns what it {@linkplain CoreLook looks like}
 * without. Not thread-safe.
 */
public final class CoreWatch {
  private static final int CHAINS = 8;
  private static final int COPIES = 64;
  private static final int COPIED_BYTES = 4096;
  private static final int WARMUPS = 5_000;
  private static final int REMEMBERED = 1 << 10;

  private final MemorySegment source = Arena.ofAuto().allocate(COPIED_BYTES, COPIED_BYTES);

  /** Not at the same place of a page: a load would wait for the store to the same place. */
  private final MemorySegment target =
      Arena.ofAuto()
          .allocate(2 * COPIED_BYTES, COPIED_BYTES)
          .asSlice(COPIED_BYTES / 2, COPIED_BYTES);

  private final double[] adding = new double[REMEMBERED];
  private final double[] copying = new double[REMEMBERED];
  private int looks;
  private double lastChainNanos = Double.POSITIVE_INFINITY;
  private double leastChainNanos = Double.POSITIVE_INFINITY;
  private double lastAdding;
  private double lastCopying;
  private double ownAdding;
  private double ownCopying;
  private long sink = Chains.warmUp();

  /**
   * Watches a core.
   *
   * @param own the least that others have seen of it
   */
  public CoreWatch(CoreLook own) {
    this.ownAdding = own.adding();
    this.ownCopying = own.copying();
    for (int i = 0; i < WARMUPS; i++) {
      copy();
    }
  }

  /** Looks, for some microseconds, and says whether the core is our own. Makes no garbage. */
  public boolean isOwn() {
    long begin = System.nanoTime();
    for (int i = 0; i < CHAINS; i++) {
      sink += Chains.one(sink, i);
    }
    long added = System.nanoTime();
    for (int i = 0; i < CHAINS; i++) {
      sink += Chains.four(i);
    }
    long addedFour = System.nanoTime();
    copy();
    long copied = System.nanoTime();
    double one = Math.max(added - begin, 1);
    double chainNanos = one / CHAINS;
    leastChainNanos = Math.min(leastChainNanos, Math.max(lastChainNanos, chainNanos));
    lastChainNanos = chainNanos;
    lastAdding = (addedFour - added) / one;
    lastCopying = (copied - addedFour) / one;
    if (looks < REMEMBERED) {
      adding[looks] = lastAdding;
      copying[looks] = lastCopying;
      looks++;
    }
    return CoreLook.isOwn(lastAdding, lastCopying, ownAdding, ownCopying);
  }

  /** {@return nanoseconds of one chain, in the last look} */
  public double chainNanos() {
    return lastChainNanos;
  }

  /**
   * {@return the least that two looks in a row have seen: the core's quickest pace; infinite before
   * the second}
   */
  public double leastChainNanos() {
    return leastChainNanos;
  }

  /** {@return as {@link CoreLook#adding}, in the last look} */
  public double adding() {
    return lastAdding;
  }

  /** {@return as {@link CoreLook#copying}, in the last look} */
  public double copying() {
    return lastCopying;
  }

  /** Learns from the looks so far, as soon as there are enough. May make garbage. */
  public void learn() {
    if (looks == REMEMBERED) {
      ownAdding = Math.min(ownAdding, quarter(adding));
      ownCopying = Math.min(ownCopying, quarter(copying));
      looks = 0;
    }
  }

  private void copy() {
    for (int i = 0; i < COPIES; i++) {
      MemorySegment.copy(source, 0, target, 0, COPIED_BYTES);
    }
  }

  /** In some looks it was the one chain that waited: not the least of all. */
  private static double quarter(double[] all) {
    Arrays.sort(all);
    return all[all.length / 4];
  }

  /** {@return what the core looks like without neighbours, as far as is known} */
  public CoreLook own() {
    return new CoreLook(ownAdding, ownCopying);
  }
}
