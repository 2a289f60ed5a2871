package dev.cleave.bench.conform.qemu;

import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * Islands of guest memory in which every 8-byte word holds its own physical address, so that a DMA
 * read answers with its own translation.
 *
 * <p>Two islands of 16 MiB are whole, one below and one above 4 GiB; besides, one page in every 2
 * MiB is an island, so that leaves of any size have some. Belongs to one thread at a time.
 */
public final class EchoMemory {
  /** Size of the two large islands, and their alignment. */
  public static final long LARGE_BYTES = 16L << 20;

  /** The large island below 4 GiB. */
  public static final long LARGE_LOW = 0x2000_0000L;

  /** The large island above 4 GiB. */
  public static final long LARGE_HIGH = GuestLayout.HIGH_BASE + 0x2A00_0000L;

  private static final long PAGE_BYTES = 4096;
  private static final long SPRINKLE_BYTES = 2L << 20;
  private static final long SPRINKLE_FACTOR = 0x9E37_79B9_7F4A_7C15L;

  private final GuestMemory memory;
  private final TreeMap<Long, Long> ends = new TreeMap<>();

  EchoMemory(GuestMemory memory) {
    this.memory = memory;
    ends.put(LARGE_LOW, LARGE_LOW + LARGE_BYTES);
    ends.put(LARGE_HIGH, LARGE_HIGH + LARGE_BYTES);
    sprinkle(GuestLayout.FREE, GuestLayout.LOW_BYTES);
    sprinkle(GuestLayout.HIGH_BASE, GuestLayout.HIGH_BASE + GuestLayout.HIGH_BYTES);
    ends.forEach(this::fill);
  }

  private void sprinkle(long from, long to) {
    for (long at = from; at < to; at += SPRINKLE_BYTES) {
      long page = at + (((at * SPRINKLE_FACTOR) >>> 32) & (SPRINKLE_BYTES - PAGE_BYTES));
      if (!contains(page)) {
        ends.put(page, page + PAGE_BYTES);
      }
    }
  }

  private void fill(long from, long to) {
    for (long at = from; at < to; at += Long.BYTES) {
      memory.store(at, at);
    }
  }

  /**
   * Whether the word at an address holds that address.
   *
   * @param paddr any address
   * @return false outside of the islands
   */
  public boolean contains(long paddr) {
    var island = ends.floorEntry(paddr);
    return island != null && paddr < island.getValue();
  }

  /**
   * Chooses a word of an island.
   *
   * @param random chooses
   * @param first first physical address that will do
   * @param last last one that will do
   * @return the address of a word, or -1 when no island lies there
   */
  public long pick(RandomGenerator random, long first, long last) {
    long guess = first + (last == first ? 0 : random.nextLong(Math.min(last - first, 8L << 30)));
    var island = ends.floorEntry(guess);
    if (island == null || island.getValue() <= first) {
      island = ends.ceilingEntry(first);
    }
    if (island == null || island.getKey() > last) {
      return -1;
    }
    long from = Math.max(first, island.getKey());
    long to = Math.min(last, island.getValue() - 1);
    return from + random.nextLong(to - from + 1) & -Long.BYTES;
  }

  /**
   * Writes the words of a piece again.
   *
   * @param paddr its first byte, a multiple of 8, in an island
   * @param bytes its length
   */
  public void restore(long paddr, long bytes) {
    fill(paddr, paddr + bytes);
  }

  /**
   * Looks through all islands for a word that does not hold its address.
   *
   * @return its address, or -1 when all is well
   */
  public long firstDamage() {
    for (var island : ends.entrySet()) {
      for (long at = island.getKey(); at < island.getValue(); at += Long.BYTES) {
        if (memory.load(at) != at) {
          return at;
        }
      }
    }
    return -1;
  }
}
