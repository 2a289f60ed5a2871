package dev.cleave.bench.extent;

/**
 * A range of addresses that leads to contiguous memory. Addresses are unsigned; bytes.
 *
 * <p>Thread-safe: a value.
 *
 * @param first its first address
 * @param last its last address, inclusive, so that a range can reach the end of the address space
 * @param paddr where the first address leads
 * @param access what is allowed there, flags of {@link dev.cleave.engine.format.Access}
 */
public record Extent(long first, long last, long paddr, int access) {
  /** The extent of a length, which is not 0. */
  public static Extent of(long first, long length, long paddr, int access) {
    return new Extent(first, first + length - 1, paddr, access);
  }

  /** Its bytes; 0 if it is all of the address space. */
  public long length() {
    return last - first + 1;
  }

  /** Whether an address lies in it. */
  public boolean holds(long address) {
    return Long.compareUnsigned(address - first, last - first) <= 0;
  }

  /** Where an address of it leads. */
  public long paddrAt(long address) {
    return paddr + (address - first);
  }

  /** The part of it between two of its addresses, both inclusive. */
  public Extent part(long from, long to) {
    return new Extent(from, to, paddrAt(from), access);
  }

  /** The same range to the same memory, with other access. */
  public Extent permitting(int flags) {
    return new Extent(first, last, paddr, flags);
  }

  /** Whether another one begins where it ends, in the address space as in memory. */
  public boolean continuesWith(Extent next) {
    return last != -1
        && last + 1 == next.first
        && paddrAt(next.first) == next.paddr
        && access == next.access;
  }

  /** The two as one, where it {@linkplain #continuesWith continues with} the other. */
  public Extent with(Extent next) {
    return new Extent(first, next.last, paddr, access);
  }
}
